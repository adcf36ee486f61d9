/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.worker.base.Time;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** Computes until when requests are worked on. */
final class Expiry {
  /** No request is worked on for longer than this, whatever its {@code expires_at} says. */
  static final Duration LONGEST_WAIT = Duration.ofMinutes(10);

  private final Duration fallback;
  private final Time time;

  /**
   * Creates an expiry.
   *
   * @param fallback the expiry of a request without {@code expires_at}, from its record's time on
   */
  Expiry(Duration fallback, Time time) {
    this.fallback = fallback;
    this.time = time;
  }

  /**
   * When a request was first published, as far as it can be believed: of a forwarded record a
   * header tells it, which anybody can write, and the log is read from there. Few records are
   * forwarded later than a request may wait.
   *
   * @param timestamp of the record that was read, in epoch milliseconds
   */
  Instant published(Origin origin, long timestamp) {
    Duration longest = fallback.compareTo(LONGEST_WAIT) > 0 ? fallback : LONGEST_WAIT;
    Instant earliest = Instant.ofEpochMilli(timestamp).minus(longest);
    return origin.timestamp().isBefore(earliest) ? earliest : origin.timestamp();
  }

  /** How long a request may still wait; zero if it has expired. */
  Duration left(@Nullable Instant expiresAt, Origin origin) {
    Instant expires = expiresAt != null ? expiresAt : origin.timestamp().plus(fallback);
    Duration left = Duration.between(time.now(), expires);
    if (left.isNegative()) {
      return Duration.ZERO;
    }
    return left.compareTo(LONGEST_WAIT) > 0 ? LONGEST_WAIT : left;
  }
}
