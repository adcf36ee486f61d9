/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import io.zcbot.sandbox.worker.sandbox.IdleTtls;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import java.time.Duration;
import java.util.OptionalLong;

/**
 * Tells how long sandboxes have been unused. It judges at the low watermark, not now, because
 * activity that has not been read yet may count.
 */
final class Idleness {
  private final LowWatermark lowWatermark;
  private final IdleTtls ttls;

  Idleness(LowWatermark lowWatermark, IdleTtls ttls) {
    this.lowWatermark = lowWatermark;
    this.ttls = ttls;
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

  /** How long a sandbox may be unused. */
  Duration ttl(Sandbox sandbox) {
    return ttls.of(sandbox);
  }
}
