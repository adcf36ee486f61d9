/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.keys;

import java.util.function.LongSupplier;

/** A bucket that holds the requests of one second. Safe for concurrent use. */
final class RateLimit {
  private static final long SECOND = 1_000_000_000L;

  private final LongSupplier nanos;
  private double tokens = -1;
  private long filledAt;

  RateLimit(LongSupplier nanos) {
    this.nanos = nanos;
  }

  /**
   * Takes one request out of the bucket.
   *
   * @param perSecond how many come back each second, and how many there are at most
   * @return after how many seconds to try again; 0 if there was one
   */
  synchronized int enter(int perSecond) {
    long now = nanos.getAsLong();
    tokens =
        tokens < 0
            ? perSecond
            : Math.min(perSecond, tokens + (now - filledAt) * (double) perSecond / SECOND);
    filledAt = now;
    if (tokens >= 1) {
      tokens--;
      return 0;
    }
    return (int) Math.max(1, Math.ceil((1 - tokens) / perSecond));
  }
}
