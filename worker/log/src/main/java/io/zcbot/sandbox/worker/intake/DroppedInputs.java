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
 * Which waiting inputs were dropped, by {@link HashBuckets place} of their command. A command that
 * shares its place with another only has the log read again in vain.
 */
final class DroppedInputs {
  /** Longer than the window of inputs and what they wait. */
  private static final Duration REMEMBERED = Duration.ofMinutes(5);

  // In milliseconds since 1970; 1 MiB together.
  private final long[] last = new long[HashBuckets.OF_COMMANDS]; // when one was dropped
  private final long[] earliest = new long[HashBuckets.OF_COMMANDS]; // the time of its record
  private final HashBuckets places;
  private final Time time;

  /** Starts with nothing dropped. */
  DroppedInputs(HashBuckets places, Time time) {
    this.places = places;
    this.time = time;
    Arrays.fill(last, Long.MIN_VALUE);
  }

  /**
   * Notes that an input of a command is dropped.
   *
   * @param timestamp of its record, in milliseconds since 1970
   */
  void add(CommandKey command, long timestamp) {
    int place = places.of(command);
    long now = time.now().toEpochMilli();
    boolean isFirst = last[place] < now - REMEMBERED.toMillis();
    earliest[place] = isFirst ? timestamp : Math.min(earliest[place], timestamp);
    last[place] = now;
  }

  /**
   * The instant from which the log must be read for an exec, because one of its inputs may have
   * been dropped; null if none was dropped around its time.
   *
   * @param exec the time of the exec's record
   */
  @Nullable Instant readFrom(CommandKey command, Instant exec) {
    int place = places.of(command);
    Instant now = time.now();
    Instant published = exec.isBefore(now) ? exec : now;
    Instant window = published.minus(CommandPartitions.INPUT_WINDOW);
    if (last[place] < window.toEpochMilli()) {
      return null;
    }
    // Inputs that were dropped within the window may have waited before it. Others of an exec that
    // is read late may be older than what is followed, and anybody chooses the times of records.
    Instant limit = window.minus(CommandInputs.LONGEST_WAIT);
    boolean isLate = published.isBefore(now.minus(CommandPartitions.INPUT_WINDOW));
    Instant first = Instant.ofEpochMilli(earliest[place]);
    return isLate || first.isBefore(limit) ? limit : first;
  }
}
