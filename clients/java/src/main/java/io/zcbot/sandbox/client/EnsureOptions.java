/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How a sandbox is asked for.
 *
 * @param deadline how long to wait for it; the request expires then
 * @param idleTtl how long it may be unused before it is removed, until the next ensure, in whole
 *     seconds and within the operator's bounds; null for the workers' own
 */
public record EnsureOptions(Duration deadline, @Nullable Duration idleTtl) {
  /** Within a minute, with the workers' own idle TTL. */
  public static final EnsureOptions DEFAULT = new EnsureOptions(Duration.ofSeconds(60), null);

  public EnsureOptions {
    Deadline.requirePositive("deadline", deadline);
  }

  /** As these, with another deadline. */
  public EnsureOptions within(Duration deadline) {
    return new EnsureOptions(deadline, idleTtl);
  }

  /** As these, with another idle TTL. */
  public EnsureOptions withIdleTtl(Duration idleTtl) {
    return new EnsureOptions(deadline, idleTtl);
  }
}
