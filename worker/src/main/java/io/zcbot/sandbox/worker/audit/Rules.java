/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.events.Exec;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;

/**
 * The settings of the audited workers, and the tolerances of the audit.
 *
 * @param ttl the idle TTL of sandboxes whose readies do not tell theirs
 * @param interval the reaper's interval
 * @param expiry when an ensure without {@code expires_at} expires
 * @param grace how late an answer, a reap or an announcement may be
 * @param skew how far apart the clocks of brokers and hosts may be
 * @param window how long a user is remembered who has no open session and no open ensure; records
 *     of a user that are further out of order than this are not put together any more
 * @param purgesAtStart whether a worker that starts purges all that it had left, not only some
 * @param outages when workers or Kafka are known to have been unavailable; no sandbox ages in these
 *     times, nor while the low watermark stands still after them
 */
public record Rules(
    Duration ttl,
    Duration interval,
    Duration expiry,
    Duration grace,
    Duration skew,
    Duration window,
    boolean purgesAtStart,
    List<Outage> outages) {
  /** The workers' defaults. */
  public static final Rules DEFAULT =
      new Rules(
          Duration.ofSeconds(300),
          Duration.ofSeconds(10),
          Duration.ofSeconds(60),
          Duration.ofSeconds(10),
          Duration.ofSeconds(2),
          Duration.ofHours(1),
          true,
          List.of());

  /** No ensure is worked on for longer than this, whatever its {@code expires_at} says. */
  private static final Duration LONGEST_EXPIRY = Duration.ofMinutes(10);

  /**
   * After an outage the low watermark of a partition holds still for this at most, since the outage
   * kept agents from reporting use.
   */
  private static final Duration LONGEST_HOLD = Duration.ofSeconds(30);

  /** What an exec that says nothing of it is given. */
  private static final Duration COMMAND_TIMEOUT = Duration.ofSeconds(60);

  /** How much later than its time-out a command is ended at the latest, whatever it does. */
  private static final Duration COMMAND_END = Duration.ofSeconds(15);

  public Rules {
    outages = outages.stream().sorted(Comparator.comparing(Outage::from)).toList();
  }

  /** A time in which no worker is expected to reap. */
  public record Outage(Instant from, Instant to) {}

  /** The most an idle sandbox may last, in milliseconds (I6). */
  long longestIdle(Duration idleTtl) {
    return idleTtl.plus(interval.multipliedBy(2)).plus(grace).plus(skew).toMillis();
  }

  /** How long two sessions may overlap that these workers announced, in milliseconds (I1, I4). */
  long tolerance(String oneWorker, String otherWorker) {
    return (oneWorker.equals(otherWorker) ? skew : skew.plus(grace)).toMillis();
  }

  /** Milliseconds between two instants in which a worker could judge that a sandbox is idle. */
  long agedBetween(long from, long to) {
    long hold = LONGEST_HOLD.toMillis();
    long aged = to - from;
    long counted = from; // up to here, so that overlapping outages count once
    for (Outage outage : outages) {
      long begin = Math.max(counted, outage.from.toEpochMilli());
      long end = Math.min(to, outage.to.toEpochMilli() + hold);
      if (end > begin) {
        aged -= end - begin;
        counted = end;
      }
    }
    return aged;
  }

  /** From when on an exec without an answer is one too many, in milliseconds since 1970 (I11). */
  long commandDue(Exec exec, long recorded) {
    Instant expires = exec.expiresAt();
    Duration timeout = exec.timeout() == null ? COMMAND_TIMEOUT : exec.timeout();
    return answerDue(
            recorded, expires == null ? recorded + expiry.toMillis() : expires.toEpochMilli())
        + timeout.plus(COMMAND_END).toMillis();
  }

  /** From when on an ensure without an answer is one too many, in milliseconds since 1970 (I2). */
  long answerDue(long recorded, long expiresAt) {
    long expires = Math.clamp(expiresAt, recorded, recorded + LONGEST_EXPIRY.toMillis());
    return expires + grace.plus(skew).toMillis();
  }
}
