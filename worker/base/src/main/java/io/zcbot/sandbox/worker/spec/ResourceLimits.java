/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.spec;

import org.jspecify.annotations.Nullable;

/**
 * What a sandbox may use of its host.
 *
 * @param memoryBytes memory limit; there is no swap in addition
 * @param cpus CPU limit in cores
 * @param pids most processes and threads
 * @param tmpBytes size of the {@code /tmp} tmpfs
 * @param ioWeight weight of its disk I/O against the rest of the host; null for none set
 * @param cgroupParent the control group above all sandboxes; null for the engine's
 */
public record ResourceLimits(
    long memoryBytes,
    double cpus,
    long pids,
    long tmpBytes,
    @Nullable Integer ioWeight,
    @Nullable String cgroupParent) {
  /**
   * Most open files of each process, which can't raise the limit. With the processes of one sandbox
   * this makes a million by default, less than a host of 12 GiB has for everybody.
   */
  public static final long MOST_OPEN_FILES = 4096;

  /**
   * The CPU weight of a sandbox under contention. It is an eighth of every other container's
   * default with control groups version 1, and less than a quarter with version 2, so that a broker
   * or a worker beside sandboxes goes first. All sandboxes have the same weight.
   */
  public static final int CPU_SHARES = 128;
}
