/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * Checks whether a host and its Kafka are fit for sandboxes, for a worker's start and for {@code
 * sandbox doctor}.
 */
@NullMarked
package io.zcbot.sandbox.worker.doctor;

import org.jspecify.annotations.NullMarked;
