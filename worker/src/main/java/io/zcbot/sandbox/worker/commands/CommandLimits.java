/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import java.time.Duration;

/**
 * What commands may take.
 *
 * @param perSandbox most commands that run in a sandbox at once
 * @param waiting most further ones that wait
 * @param defaultTimeout where the exec names none
 * @param maxTimeout the longest that an exec may ask for
 * @param defaultOutput bytes of output that are kept where the exec does not say how many
 * @param maxInlineOutput the most that are kept of output that is not streamed
 */
public record CommandLimits(
    int perSandbox,
    int waiting,
    Duration defaultTimeout,
    Duration maxTimeout,
    int defaultOutput,
    int maxInlineOutput) {
  public static final CommandLimits DEFAULT =
      new CommandLimits(8, 64, Duration.ofSeconds(60), Duration.ofHours(1), 256 * 1024, 512 * 1024);

  /** The same with what operators set. */
  public CommandLimits with(int perSandbox, Duration maxTimeout) {
    return new CommandLimits(
        perSandbox,
        waiting,
        defaultTimeout.compareTo(maxTimeout) < 0 ? defaultTimeout : maxTimeout,
        maxTimeout,
        defaultOutput,
        maxInlineOutput);
  }
}
