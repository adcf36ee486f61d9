/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** Metrics, health, logging and the HTTP server for them. */
@NullMarked
package io.zcbot.sandbox.worker.ops;

import org.jspecify.annotations.NullMarked;
