/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.result;

import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.log.RecordPosition;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * One sandbox of a user, from its first ready to its reaped.
 *
 * @param ready null if no ready names it: it was never announced, or the log is cut
 * @param reaped null if it was open at the end of the log
 * @param ensures how many ensures it answered
 * @param activities how many activities came while it was open
 */
public record Session(
    UserId user,
    String containerId,
    String host,
    String workerId,
    @Nullable Start ready,
    @Nullable End reaped,
    int ensures,
    long activities)
    implements Observation {

  /**
   * The first ready that names it.
   *
   * @param outcome reused if an earlier one is not in the log
   * @param profile what it is made of
   */
  public record Start(
      Instant time, Ready.Outcome outcome, String profile, RecordPosition position) {
    /** Stands for what is not known, and for a name that no worker can have. */
    public static final String UNKNOWN_PROFILE = "(unknown)";
  }

  /** The reaped that names it. */
  public record End(Instant time, Reaped.Reason reason, RecordPosition position) {}

  /** When it was announced ready; null if it never was. */
  public @Nullable Instant start() {
    return ready == null ? null : ready.time;
  }

  /** When it was announced reaped; null if it never was. */
  public @Nullable Instant end() {
    return reaped == null ? null : reaped.time;
  }

  /** Why it was reaped; null if it was not. */
  public Reaped.@Nullable Reason reason() {
    return reaped == null ? null : reaped.reason;
  }

  /** How long it lasted, where both ends are known. */
  public @Nullable Duration lasted() {
    return ready == null || reaped == null ? null : Duration.between(ready.time, reaped.time);
  }
}
