/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.spec;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How long sandboxes may be unused before they are reaped.
 *
 * @param usual for sandboxes whose ensure does not ask for another
 * @param shortest the least that an ensure may ask for
 * @param longest the most that an ensure may ask for; only an adopted sandbox that was granted more
 *     under other settings may be unused for longer, until its next ensure
 */
public record IdleTtls(Duration usual, Duration shortest, Duration longest) {
  /** One idle TTL for all; no ensure may ask for another. */
  public static IdleTtls always(Duration ttl) {
    return new IdleTtls(ttl, ttl, ttl);
  }

  /** The idle TTL of a sandbox whose ensure asked for one, or for none. */
  public Duration of(@Nullable Duration asked) {
    return asked == null ? usual : asked;
  }

  /** Whether an ensure may ask for this idle TTL; null stands for the usual one. */
  public boolean allows(@Nullable Duration asked) {
    return asked == null || asked.equals(nearest(asked));
  }

  /**
   * The idle TTL of an adopted sandbox; null for the usual one. What its last ready announced holds
   * until its next ensure, even if the settings have changed.
   *
   * @param asked by the ensure, as the sandbox's entry says
   * @param announced by its last ready; null if not known
   */
  public @Nullable Duration adopted(@Nullable Duration asked, @Nullable Duration announced) {
    if (announced == null || !announced.isPositive()) {
      return nearest(asked);
    }
    return asked == null && announced.equals(usual) ? null : announced;
  }

  /** Cuts an idle TTL to the bounds; another worker may have granted it, or anybody written it. */
  public @Nullable Duration nearest(@Nullable Duration asked) {
    if (asked == null) {
      return null;
    }
    Duration least = asked.compareTo(shortest) < 0 ? shortest : asked;
    return least.compareTo(longest) > 0 ? longest : least;
  }
}
