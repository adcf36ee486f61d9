/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.spec;

import org.jspecify.annotations.Nullable;

/**
 * What a sandbox may use of its host.
 *
 * @param memoryBytes memory limit; swap on top is none
 * @param cpus CPU limit in cores
 * @param pids most processes and threads
 * @param tmpBytes size of the {@code /tmp} tmpfs
 * @param ioWeight what its disk I/O weighs against the rest of the host's; null for no say in it
 * @param cgroupParent the control group that all sandboxes are below; null for the engine's
 */
public record ResourceLimits(
    long memoryBytes,
    double cpus,
    long pids,
    long tmpBytes,
    @Nullable Integer ioWeight,
    @Nullable String cgroupParent) {
  /**
   * By each process, and it can't raise it. With the processes of one sandbox this makes a million
   * by default, less than a host of 12 GiB has for everybody.
   */
  public static final long MOST_OPEN_FILES = 4096;

  /**
   * The weight of a sandbox where processors are short. An eighth of what every other container has
   * by default with control groups of version 1, less than a quarter with version 2, so that a
   * broker or a worker beside sandboxes goes first. Among sandboxes all weigh the same.
   */
  public static final int CPU_SHARES = 128;
}
