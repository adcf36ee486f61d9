/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.time.Duration;
import java.util.random.RandomGenerator;

/** Pauses between attempts. Each is twice as long as the one before, with a random second half. */
final class Backoff {
  private static final long FIRST_MILLIS = 200;
  private static final long LONGEST_MILLIS = 5_000;

  private final RandomGenerator random;
  private long millis = FIRST_MILLIS;

  Backoff(RandomGenerator random) {
    this.random = random;
  }

  Duration next() {
    long now = millis;
    millis = Math.min(LONGEST_MILLIS, 2 * millis);
    return Duration.ofMillis(now / 2 + random.nextLong(now / 2 + 1));
  }
}
