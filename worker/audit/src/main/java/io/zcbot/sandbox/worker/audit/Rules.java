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
 * @param ttl the idle TTL of sandboxes whose ready events have none
 * @param interval the reaper's interval
 * @param expiry when an ensure without {@code expires_at} expires
 * @param maxTimeout the longest time-out of a command
 * @param grace how late an answer, a reap or an announcement may be
 * @param skew how far apart the clocks of brokers and hosts may be
 * @param window how long a user without an open session or ensure is remembered; records of a user
 *     that are further out of order than this are not put together
 * @param purgesAtStart whether a worker that starts purges everything that it had left, or only
 *     some
 * @param processesCountAsUse whether workers take the processor time of processes for use, which no
 *     record tells of until the sandbox ends
 * @param outages when workers or Kafka are known to have been unavailable; no sandbox ages in these
 *     times, nor while the low watermark stands still after them
 */
public record Rules(
    Duration ttl,
    Duration interval,
    Duration expiry,
    Duration maxTimeout,
    Duration grace,
    Duration skew,
    Duration window,
    boolean purgesAtStart,
    boolean processesCountAsUse,
    List<Outage> outages) {
  /** The defaults of workers. */
  public static final Rules DEFAULT =
      new Rules(
          Duration.ofSeconds(300),
          Duration.ofSeconds(10),
          Duration.ofSeconds(60),
          Duration.ofHours(1),
          Duration.ofSeconds(10),
          Duration.ofSeconds(2),
          Duration.ofHours(1),
          true,
          false,
          List.of());

  /** The longest time that an ensure is worked on, whatever its {@code expires_at} says. */
  private static final Duration LONGEST_EXPIRY = Duration.ofMinutes(10);

  /**
   * The longest time that the low watermark of a partition stands still after an outage, because
   * the outage kept agents from reporting use.
   */
  private static final Duration LONGEST_HOLD = Duration.ofSeconds(30);

  /** The time-out of an exec that does not specify one. */
  private static final Duration COMMAND_TIMEOUT = Duration.ofSeconds(60);

  /** How long after its time-out a command has ended at the latest. */
  private static final Duration COMMAND_END = Duration.ofSeconds(15);

  public Rules {
    outages = outages.stream().sorted(Comparator.comparing(Outage::from)).toList();
  }

  /** A time in which no worker is expected to reap. */
  public record Outage(Instant from, Instant to) {}

  /** The longest time that an idle sandbox may last, in milliseconds (I6). */
  long longestIdle(Duration idleTtl) {
    return idleTtl.plus(interval.multipliedBy(2)).plus(grace).plus(skew).toMillis();
  }

  /** How long two sessions announced by these workers may overlap, in milliseconds (I1, I4). */
  long tolerance(String oneWorker, String otherWorker) {
    return (oneWorker.equals(otherWorker) ? skew : skew.plus(grace)).toMillis();
  }

  /**
   * The milliseconds between two times during which a worker could judge that a sandbox is idle.
   */
  long agedBetween(long from, long to) {
    long hold = LONGEST_HOLD.toMillis();
    long aged = to - from;
    long counted = from; // so that overlapping outages count once
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

  /** The time by which an exec must be answered, in milliseconds since 1970 (I11). */
  long commandDue(Exec exec, long recorded) {
    Instant expires = exec.expiresAt();
    Duration timeout = exec.timeout() == null ? COMMAND_TIMEOUT : exec.timeout();
    return answerDue(
            recorded, expires == null ? recorded + expiry.toMillis() : expires.toEpochMilli())
        + timeout.plus(COMMAND_END).toMillis();
  }

  /** The longest time from the record of an exec until its answer is due, in milliseconds. */
  long longestCommand() {
    return longestWait() + maxTimeout.plus(COMMAND_END).toMillis();
  }

  /** The longest time that an ensure or an exec waits for its sandbox, in milliseconds. */
  long longestWait() {
    return answerDue(0, Long.MAX_VALUE);
  }

  /** The time by which an ensure must be answered, in milliseconds since 1970 (I2). */
  long answerDue(long recorded, long expiresAt) {
    long expires = Math.clamp(expiresAt, recorded, recorded + LONGEST_EXPIRY.toMillis());
    return expires + grace.plus(skew).toMillis();
  }
}
