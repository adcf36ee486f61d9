/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * Whether a host and its Kafka are fit for sandboxes: what a worker refuses to start on, what it
 * warns of, and what {@code sandbox doctor} prints.
 */
@NullMarked
package io.zcbot.sandbox.worker.doctor;

import org.jspecify.annotations.NullMarked;
