/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How to ask for a sandbox. Immutable.
 *
 * @param deadline how long to wait for the sandbox; the request expires then
 * @param idleTtl how long the sandbox may be unused before it is reaped, until the user's next
 *     ensure; truncated to whole seconds, and within the operator's bounds; if null, the workers'
 *     default applies
 */
public record EnsureOptions(Duration deadline, @Nullable Duration idleTtl) {
  /** A deadline of 60 s and the workers' default idle TTL. */
  public static final EnsureOptions DEFAULT = new EnsureOptions(Duration.ofSeconds(60), null);

  /**
   * Checks the deadline.
   *
   * @throws InvalidRequestException if the deadline is not positive, or longer than 100 years
   */
  public EnsureOptions {
    Deadline.requirePositive("deadline", deadline);
  }

  /**
   * Returns these options with another deadline.
   *
   * @throws InvalidRequestException if the deadline is not positive, or longer than 100 years
   */
  public EnsureOptions within(Duration deadline) {
    return new EnsureOptions(deadline, idleTtl);
  }

  /** Returns these options with another idle TTL. */
  public EnsureOptions withIdleTtl(Duration idleTtl) {
    return new EnsureOptions(deadline, idleTtl);
  }
}
