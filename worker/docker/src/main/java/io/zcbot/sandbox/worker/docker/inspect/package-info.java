/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** Inspects containers, and compares what the engine reports about them with their spec. */
@NullMarked
package io.zcbot.sandbox.worker.docker.inspect;

import org.jspecify.annotations.NullMarked;
