/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** The worker, and the only place that wires its parts. */
@NullMarked
package io.zcbot.sandbox.worker;

import org.jspecify.annotations.NullMarked;
