/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.commands.CommandKey;
import io.zcbot.sandbox.worker.sandbox.Time;
import java.time.Instant;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * When inputs that waited were last dropped, for each place of commands. One that shares its place
 * only has the log read again in vain.
 */
final class DroppedInputs {
  private final long[] last = new long[Places.OF_COMMANDS]; // in milliseconds: 512 KiB
  private final Places places;
  private final Time time;

  /** None was dropped yet. */
  DroppedInputs(Places places, Time time) {
    this.places = places;
    this.time = time;
    Arrays.fill(last, Long.MIN_VALUE);
  }

  /** Those of a command are dropped. */
  void add(CommandKey command) {
    last[places.of(command)] = time.now().toEpochMilli();
  }

  /**
   * From when on the log is to be read for an exec of this time, because one of its inputs may have
   * been dropped; null if none was about then.
   */
  @Nullable Instant readFrom(CommandKey command, Instant exec) {
    Instant now = time.now();
    Instant published = exec.isBefore(now) ? exec : now;
    Instant window = published.minus(CommandPartitions.INPUT_WINDOW);
    // What was dropped within the window had waited before.
    return last[places.of(command)] >= window.toEpochMilli()
        ? window.minus(CommandInputs.LONGEST_WAIT)
        : null;
  }
}
