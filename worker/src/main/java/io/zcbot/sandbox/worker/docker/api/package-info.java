/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** How the engine is called: connections, deadlines, streams, and what its errors mean. */
@NullMarked
package io.zcbot.sandbox.worker.docker.api;

import org.jspecify.annotations.NullMarked;
