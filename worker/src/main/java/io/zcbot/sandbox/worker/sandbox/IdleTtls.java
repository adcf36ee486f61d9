/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How long sandboxes may be unused before they are reaped.
 *
 * @param usual where the user's ensure does not say
 * @param shortest the least that an ensure may ask for
 * @param longest the most that an ensure may ask for; only a sandbox that was granted more under
 *     other settings and is adopted may be unused for longer, until its next ensure
 */
public record IdleTtls(Duration usual, Duration shortest, Duration longest) {
  /** No ensure may ask for another. */
  public static IdleTtls always(Duration ttl) {
    return new IdleTtls(ttl, ttl, ttl);
  }

  /** That of a sandbox. */
  public Duration of(Sandbox sandbox) {
    Duration asked = sandbox.idleTtl();
    return asked == null ? usual : asked;
  }

  /** Whether an ensure may ask for it; null is the usual one. */
  public boolean allows(@Nullable Duration asked) {
    return asked == null || asked.equals(nearest(asked));
  }

  /**
   * That of a sandbox that is adopted. What its agent was told holds until its next ensure, however
   * the settings changed meanwhile.
   *
   * @param asked by the ensure, as the sandbox's entry has it
   * @param told with its last ready; null if nobody knows
   */
  public @Nullable Duration adopted(@Nullable Duration asked, @Nullable Duration told) {
    if (told == null || !told.isPositive()) {
      return nearest(asked);
    }
    return asked == null && told.equals(usual) ? null : told;
  }

  /** The same within the bounds: what another worker granted, or somebody wrote into the log. */
  public @Nullable Duration nearest(@Nullable Duration asked) {
    if (asked == null) {
      return null;
    }
    Duration least = asked.compareTo(shortest) < 0 ? shortest : asked;
    return least.compareTo(longest) > 0 ? longest : least;
  }
}
