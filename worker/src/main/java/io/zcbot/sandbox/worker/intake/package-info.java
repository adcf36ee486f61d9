/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * Kafka in: the poll loop over ensures, partition progress, rebalances, and the activity follower.
 */
@NullMarked
package io.zcbot.sandbox.worker.intake;

import org.jspecify.annotations.NullMarked;
