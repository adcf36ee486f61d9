/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** Calls the engine: connections, deadlines, streams, and the classification of errors. */
@NullMarked
package io.zcbot.sandbox.worker.docker.api;

import org.jspecify.annotations.NullMarked;
