/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.demand;

import java.time.Duration;

/** When a slot may be made in place of a claimed one, so that claims are not slowed down. */
public final class RefillPace {
  /** How often the worker checks whether slots are missing. */
  public static final Duration LOOK = Duration.ofMillis(100);

  /** With many idle slots, a new one can wait until users stop coming. */
  private static final Duration QUIET = Duration.ofSeconds(1);

  /** With few idle slots, a new one waits only for the end of a burst. */
  private static final Duration SHORT_QUIET = Duration.ofMillis(50);

  private RefillPace() {}

  /** How long there must have been no claim before another slot is made. */
  public static Duration quiet(int idle, int target) {
    return idle == 0 ? Duration.ZERO : 2 * idle < target ? SHORT_QUIET : QUIET;
  }
}
