/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** Kafka clients for each role, and code that all readers and writers of Kafka share. */
@NullMarked
package io.zcbot.sandbox.worker.kafka;

import org.jspecify.annotations.NullMarked;
