/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** The command line. */
@NullMarked
package io.zcbot.sandbox.worker.cli;

import org.jspecify.annotations.NullMarked;
