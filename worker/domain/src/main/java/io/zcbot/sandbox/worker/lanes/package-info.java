/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** Runs the tasks of one user one after another, and those of different users concurrently. */
@NullMarked
package io.zcbot.sandbox.worker.lanes;

import org.jspecify.annotations.NullMarked;
