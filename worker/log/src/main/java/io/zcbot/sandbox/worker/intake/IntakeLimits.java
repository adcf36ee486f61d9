/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import java.time.Duration;
import java.util.function.BooleanSupplier;

/**
 * How long the poll thread may wait. While the worker stops, the waits are shorter, so that a stop
 * takes no longer than its time-out.
 */
final class IntakeLimits {
  private static final Duration CALL_TIMEOUT = Duration.ofSeconds(5);

  private final EnsureIntake.Settings settings;
  private final BooleanSupplier stopping;

  IntakeLimits(EnsureIntake.Settings settings, BooleanSupplier stopping) {
    this.settings = settings;
    this.stopping = stopping;
  }

  /** Longest wait for running work of partitions that are revoked. */
  Duration revoke() {
    return atMost(settings.stopTimeout().dividedBy(2), settings.revokeTimeout());
  }

  /** Longest wait for one answer from Kafka. */
  Duration call() {
    return atMost(settings.stopTimeout().dividedBy(6), CALL_TIMEOUT);
  }

  private Duration atMost(Duration whileStopping, Duration usual) {
    return stopping.getAsBoolean() && whileStopping.compareTo(usual) < 0 ? whileStopping : usual;
  }
}
