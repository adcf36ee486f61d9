/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** Compares another clock with this host's clock, by which ensures expire. */
final class ClockChecks {
  /** A smaller difference has no effect, because the default expiry of an ensure is 60 s. */
  private static final Duration NOTICED = Duration.ofSeconds(2);

  /** From this difference on, fresh ensures expire, or expired ones count as fresh. */
  private static final Duration HARMFUL = Duration.ofSeconds(30);

  private ClockChecks() {}

  /**
   * Compares another clock with this host's.
   *
   * @param asked when the other clock was asked, by this host's clock
   * @param answered when its answer came, by this host's clock
   * @param theirs the other clock's time at some moment in between; null if unknown
   */
  static Finding of(
      String check, String whose, Instant asked, Instant answered, @Nullable Instant theirs) {
    if (theirs == null) {
      return Finding.warn(check, whose + " does not report its time", "compare the clocks by hand");
    }
    Duration ahead = Duration.ZERO;
    if (theirs.isBefore(asked)) {
      ahead = Duration.between(theirs, asked);
    } else if (theirs.isAfter(answered)) {
      ahead = Duration.between(answered, theirs);
    }
    String detail =
        ahead.isZero()
            ? whose + " agrees with this host's clock"
            : "%s is %.1f s %s this host"
                .formatted(
                    whose, ahead.toMillis() / 1e3, theirs.isBefore(asked) ? "behind" : "ahead of");
    if (ahead.compareTo(NOTICED) < 0) {
      return Finding.ok(check, detail);
    }
    String fix = "run an NTP client on both machines";
    return ahead.compareTo(HARMFUL) < 0
        ? Finding.warn(check, detail, fix)
        : Finding.fail(check, detail + ": ensures expire early or late", fix);
  }
}
