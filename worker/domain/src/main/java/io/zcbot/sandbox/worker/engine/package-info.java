/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** The port to a container engine: its operations, values and failures. */
@NullMarked
package io.zcbot.sandbox.worker.engine;

import org.jspecify.annotations.NullMarked;
