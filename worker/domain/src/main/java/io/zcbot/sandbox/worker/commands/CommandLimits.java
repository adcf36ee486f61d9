/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import java.time.Duration;

/**
 * The limits of commands.
 *
 * @param perSandbox most commands that run in a sandbox at once
 * @param waiting most further commands that wait in a sandbox's queue
 * @param defaultTimeout for an exec without a time-out
 * @param maxTimeout the longest time-out that an exec may ask for
 * @param defaultOutput bytes of output that are kept if the exec does not say how many
 * @param maxInlineOutput most bytes of output that are kept if it is not streamed
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

  /** These limits with the two that operators set. The default time-out is cut to the maximum. */
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
