/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.sandbox.Time;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;

/**
 * When inputs that waited were last dropped, roughly for each user: some share a place, so that it
 * takes no more memory however many users and commands somebody makes up. Who shares one only has
 * the log read again in vain.
 */
final class DroppedInputs {
  private static final int PLACES = 1024;

  /** The clocks of those who publish differ, and an exec may wait long for its turn. */
  private static final Duration MARGIN = Duration.ofMinutes(10);

  private final Instant[] last = new Instant[PLACES];
  private final Time time;

  /** None was dropped yet. */
  DroppedInputs(Time time) {
    this.time = time;
    Arrays.fill(last, Instant.MIN);
  }

  /** One of a user's is dropped. */
  void add(UserId user) {
    last[placeOf(user)] = time.now();
  }

  /** Whether one may have been that belongs to an exec of this time. */
  boolean isAbout(UserId user, Instant exec) {
    Instant now = time.now();
    Instant published = exec.isBefore(now) ? exec : now;
    return last[placeOf(user)].isAfter(published.minus(MARGIN));
  }

  private static int placeOf(UserId user) {
    return Math.floorMod(user.hashCode(), PLACES);
  }
}
