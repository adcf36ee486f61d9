/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import io.zcbot.sandbox.worker.sandbox.Sandbox;
import java.time.Duration;
import java.util.OptionalLong;

/**
 * Tells how long sandboxes have been unused. It judges at the low watermark, not now, because
 * activity that has not been read yet may count.
 */
final class Idleness {
  private final LowWatermark lowWatermark;

  Idleness(LowWatermark lowWatermark) {
    this.lowWatermark = lowWatermark;
  }

  boolean isIdleFor(Sandbox sandbox, Duration duration) {
    OptionalLong readUpTo = lowWatermark.readUpTo(sandbox.partition());
    return readUpTo.isPresent()
        && readUpTo.getAsLong() - sandbox.lastActive() >= duration.toNanos();
  }

  /** Whether this worker follows the activity of the sandbox's user. */
  boolean isFollowed(Sandbox sandbox) {
    return lowWatermark.readUpTo(sandbox.partition()).isPresent();
  }
}
