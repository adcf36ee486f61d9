/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.commands.CommandKey;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Which waiting inputs were dropped, by {@link HashBuckets bucket} of their command. A command that
 * shares its bucket with another only has the log read again in vain.
 */
final class DroppedInputs {
  /** Longer than the window of inputs and what they wait. */
  private static final Duration REMEMBERED = Duration.ofMinutes(5);

  // In milliseconds since 1970; 1 MiB together.
  private final long[] last = new long[HashBuckets.OF_COMMANDS]; // when one was dropped
  private final long[] earliest = new long[HashBuckets.OF_COMMANDS]; // the time of its record
  private final HashBuckets buckets;
  private final Time time;

  /** Starts with nothing dropped. */
  DroppedInputs(HashBuckets buckets, Time time) {
    this.buckets = buckets;
    this.time = time;
    Arrays.fill(last, Long.MIN_VALUE);
  }

  /**
   * Notes that an input of a command is dropped.
   *
   * @param timestamp of its record, in milliseconds since 1970
   */
  void add(CommandKey command, long timestamp) {
    int bucket = buckets.of(command);
    long now = time.now().toEpochMilli();
    boolean isFirst = last[bucket] < now - REMEMBERED.toMillis();
    earliest[bucket] = isFirst ? timestamp : Math.min(earliest[bucket], timestamp);
    last[bucket] = now;
  }

  /**
   * The instant from which the log must be read for an exec, because one of its inputs may have
   * been dropped; null if none was dropped around its time.
   *
   * @param exec the time of the exec's record
   */
  @Nullable Instant readFrom(CommandKey command, Instant exec) {
    int bucket = buckets.of(command);
    Instant now = time.now();
    Instant published = exec.isBefore(now) ? exec : now;
    Instant window = published.minus(CommandPartitions.INPUT_WINDOW);
    if (last[bucket] < window.toEpochMilli()) {
      return null;
    }
    // Inputs that were dropped within the window may have waited before it. Others of an exec that
    // is read late may be older than what is followed, and anybody chooses the times of records.
    Instant limit = window.minus(CommandInputs.LONGEST_WAIT);
    boolean isLate = published.isBefore(now.minus(CommandPartitions.INPUT_WINDOW));
    Instant first = Instant.ofEpochMilli(earliest[bucket]);
    return isLate || first.isBefore(limit) ? limit : first;
  }
}
