/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** The spans that the worker adds to the trace of the record that a thread works on. */
@NullMarked
package io.zcbot.sandbox.worker.spans;

import org.jspecify.annotations.NullMarked;
