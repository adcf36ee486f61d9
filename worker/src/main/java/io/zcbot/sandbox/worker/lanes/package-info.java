/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** One user's work, one after another; different users side by side. */
@NullMarked
package io.zcbot.sandbox.worker.lanes;

import org.jspecify.annotations.NullMarked;
