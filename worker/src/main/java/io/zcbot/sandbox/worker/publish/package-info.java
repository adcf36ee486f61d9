/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** Kafka out: results and dead letters. */
@NullMarked
package io.zcbot.sandbox.worker.publish;

import org.jspecify.annotations.NullMarked;
