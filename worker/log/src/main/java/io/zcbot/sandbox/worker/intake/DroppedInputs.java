/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.commands.CommandKey;
import java.time.Instant;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * When waiting inputs were last dropped, by {@link Places place} of their command. A command that
 * shares its place with another only has the log read again in vain.
 */
final class DroppedInputs {
  private final long[] last = new long[Places.OF_COMMANDS]; // in epoch milliseconds; 512 KiB
  private final Places places;
  private final Time time;

  /** Starts with nothing dropped. */
  DroppedInputs(Places places, Time time) {
    this.places = places;
    this.time = time;
    Arrays.fill(last, Long.MIN_VALUE);
  }

  /** Notes that inputs of a command are dropped. */
  void add(CommandKey command) {
    last[places.of(command)] = time.now().toEpochMilli();
  }

  /**
   * The instant from which the log must be read for an exec, because one of its inputs may have
   * been dropped; null if none was dropped around its time.
   *
   * @param exec the time of the exec's record
   */
  @Nullable Instant readFrom(CommandKey command, Instant exec) {
    Instant now = time.now();
    Instant published = exec.isBefore(now) ? exec : now;
    Instant window = published.minus(CommandPartitions.INPUT_WINDOW);
    // Inputs that were dropped within the window may have waited before it.
    return last[places.of(command)] >= window.toEpochMilli()
        ? window.minus(CommandInputs.LONGEST_WAIT)
        : null;
  }
}
