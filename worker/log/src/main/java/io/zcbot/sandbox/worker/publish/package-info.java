/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** Writes to Kafka: results and dead letters. Creates and checks topics. */
@NullMarked
package io.zcbot.sandbox.worker.publish;

import org.jspecify.annotations.NullMarked;
