/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** Which traces records belong to, and the spans that the worker adds to them. */
@NullMarked
package io.zcbot.sandbox.worker.trace;

import org.jspecify.annotations.NullMarked;
