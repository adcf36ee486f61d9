/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** The traces of records, and the spans that the worker adds to them. */
@NullMarked
package io.zcbot.sandbox.worker.trace;

import org.jspecify.annotations.NullMarked;
