/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import io.zcbot.sandbox.worker.spec.ResourceLimits;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * Checks limits of the kernel that count for the whole host and that no limit of a container
 * bounds, apart from its memory. Sandboxes with a kernel of their own do not count.
 */
final class HostCounters {
  private static final Path MOST_TERMINALS = Path.of("/proc/sys/kernel/pty/max");
  private static final Path RESERVED_TERMINALS = Path.of("/proc/sys/kernel/pty/reserve");
  private static final Path MOST_REQUESTS = Path.of("/proc/sys/fs/aio-max-nr");

  /** Minimum memory of a sandbox that a pseudo-terminal takes; on Linux 6.18 it is 3 KiB. */
  private static final long TERMINAL_BYTES = 2048;

  /**
   * Minimum memory of a sandbox that an asynchronous I/O request takes: the kernel's ring has two
   * events of 32 bytes for each.
   */
  private static final long REQUEST_BYTES = 64;

  private HostCounters() {}

  static List<Finding> of(int mostSandboxes, ResourceLimits limits) {
    return List.of(terminals(mostSandboxes, limits), asynchronousIo(mostSandboxes, limits));
  }

  private static Finding terminals(int mostSandboxes, ResourceLimits limits) {
    try {
      return terminals(mostSandboxes, limits, read(MOST_TERMINALS), read(RESERVED_TERMINALS));
    } catch (IOException | NumberFormatException e) {
      return unread("terminals", "kernel.pty.max", e);
    }
  }

  static Finding terminals(int mostSandboxes, ResourceLimits limits, long most, long reserved) {
    long each =
        Math.min(
            limits.pids() * ResourceLimits.MOST_OPEN_FILES, limits.memoryBytes() / TERMINAL_BYTES);
    long wanted = Math.min(mostSandboxes * each, Integer.MAX_VALUE - reserved);
    return finding(
        "terminals",
        mostSandboxes + " sandboxes can hold " + wanted + " pseudo-terminals",
        each,
        wanted,
        most - reserved,
        "sysctl -w kernel.pty.max=" + (wanted + reserved));
  }

  private static Finding asynchronousIo(int mostSandboxes, ResourceLimits limits) {
    try {
      return asynchronousIo(mostSandboxes, limits, read(MOST_REQUESTS));
    } catch (IOException | NumberFormatException e) {
      return unread("asynchronous-io", "fs.aio-max-nr", e);
    }
  }

  static Finding asynchronousIo(int mostSandboxes, ResourceLimits limits, long most) {
    long each = limits.memoryBytes() / REQUEST_BYTES;
    long wanted = mostSandboxes * each;
    return finding(
        "asynchronous-io",
        mostSandboxes + " sandboxes can hold " + wanted + " requests of asynchronous I/O",
        each,
        wanted,
        most,
        "sysctl -w fs.aio-max-nr=" + wanted);
  }

  private static Finding finding(
      String check, String detail, long each, long wanted, long available, String fix) {
    String all = detail + ", and the host has " + available + " for them";
    return available >= wanted
        ? Finding.ok(check, all)
        : Finding.warn(
            check,
            all + (available <= each ? ": one sandbox can use up those of all" : ""),
            fix + "; they count as memory of their sandbox, so a high number is safe");
  }

  private static Finding unread(String check, String name, Exception e) {
    return Finding.warn(check, name + " can't be read: " + e, "check it by hand");
  }

  private static long read(Path file) throws IOException {
    return Long.parseLong(ProcessChecks.setting(file));
  }
}
