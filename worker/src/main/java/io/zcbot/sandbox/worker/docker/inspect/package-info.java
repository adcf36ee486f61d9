/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** Looks at containers, and compares what the engine tells of them with their spec. */
@NullMarked
package io.zcbot.sandbox.worker.docker.inspect;

import org.jspecify.annotations.NullMarked;
