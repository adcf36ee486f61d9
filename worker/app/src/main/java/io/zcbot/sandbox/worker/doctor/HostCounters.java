/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import io.zcbot.sandbox.worker.spec.ResourceLimits;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;

/**
 * Checks what the kernel has for the whole host and no limit of a container bounds, apart from its
 * memory. Sandboxes with a kernel of their own do not count.
 */
final class HostCounters {
  private static final Path MOST_TERMINALS = Path.of("/proc/sys/kernel/pty/max");
  private static final Path RESERVED_TERMINALS = Path.of("/proc/sys/kernel/pty/reserve");
  private static final Path CORE_PATTERN = Path.of("/proc/sys/kernel/core_pattern");
  private static final Path HUGE_PAGES = Path.of("/sys/kernel/mm/hugepages");
  private static final Path MOST_REQUESTS = Path.of("/proc/sys/fs/aio-max-nr");
  private static final Path MOST_ORPHANS = Path.of("/proc/sys/net/ipv4/tcp_max_orphans");
  private static final Path MOST_PROCESS_IDS = Path.of("/proc/sys/kernel/pid_max");
  private static final Path MOST_THREADS = Path.of("/proc/sys/kernel/threads-max");

  /** Minimum memory of a sandbox that a pseudo-terminal takes; on Linux 6.18 it is 3 KiB. */
  private static final long TERMINAL_BYTES = 2048;

  /**
   * Minimum memory of a sandbox that an asynchronous I/O request takes: the kernel's ring has two
   * events of 32 bytes for each.
   */
  private static final long REQUEST_BYTES = 64;

  /**
   * Minimum memory of a sandbox that an orphaned TCP connection takes; on Linux 6.18 it is 2.4 KiB.
   */
  private static final long ORPHAN_BYTES = 2048;

  /** Processes and threads to leave for everything on the host that is not a sandbox. */
  private static final long PROCESSES_OF_THE_HOST = 4096;

  private HostCounters() {}

  /**
   * Checks the limit of TCP connections that their programs have closed but whose peers have not.
   * Once it is reached, the kernel resets whatever any program on the host closes, and what that
   * program sent last is lost. The counter is one for all network namespaces and all runtimes.
   */
  static Finding orphans(int mostSandboxes, ResourceLimits limits) {
    try {
      return orphans(mostSandboxes, limits, read(MOST_ORPHANS));
    } catch (IOException | NumberFormatException e) {
      return Finding.warn(
          "orphans",
          "net.ipv4.tcp_max_orphans can't be read: " + e,
          "run this in the host's network namespace");
    }
  }

  static Finding orphans(int mostSandboxes, ResourceLimits limits, long most) {
    long each = limits.memoryBytes() / ORPHAN_BYTES;
    long wanted = Math.min(mostSandboxes * each, Integer.MAX_VALUE);
    return finding(
        "orphans",
        mostSandboxes + " sandboxes can hold " + wanted + " orphaned TCP connections",
        each,
        wanted,
        most,
        "sysctl -w net.ipv4.tcp_max_orphans=" + wanted);
  }

  /** Checks the limits of process ids and threads. They count for all runtimes. */
  static Finding processes(int mostSandboxes, ResourceLimits limits) {
    try {
      return processes(mostSandboxes, limits, read(MOST_PROCESS_IDS), read(MOST_THREADS));
    } catch (IOException | NumberFormatException e) {
      return unread("processes", "kernel.pid_max or kernel.threads-max", e);
    }
  }

  static Finding processes(
      int mostSandboxes, ResourceLimits limits, long mostIds, long mostThreads) {
    long ofSandboxes = mostSandboxes * limits.pids();
    long wanted = ofSandboxes + PROCESSES_OF_THE_HOST;
    long most = Math.min(mostIds, mostThreads);
    String detail =
        "%d sandboxes can run %d processes and threads, and the host has %d for all programs"
            .formatted(mostSandboxes, ofSandboxes, most);
    return most >= wanted
        ? Finding.ok("processes", detail)
        : Finding.warn(
            "processes",
            detail + ": when they are used up, no program on the host can start another",
            "sysctl -w"
                + (mostIds < wanted ? " kernel.pid_max=" + wanted : "")
                + (mostThreads < wanted ? " kernel.threads-max=" + wanted : "")
                + ", or lower ZCBOT_SANDBOX_MAX or ZCBOT_SANDBOX_PIDS");
  }

  static List<Finding> of(int mostSandboxes, ResourceLimits limits) {
    return List.of(
        terminals(mostSandboxes, limits),
        asynchronousIo(mostSandboxes, limits),
        coreDumps(),
        hugePages(HUGE_PAGES));
  }

  private static Finding coreDumps() {
    try {
      return coreDumps(ProcessChecks.setting(CORE_PATTERN));
    } catch (IOException e) {
      return unread("core-dumps", "kernel.core_pattern", e);
    }
  }

  /**
   * Checks what a crash in a sandbox starts on the host. The limit of core files that sandboxes
   * have stops pipes and files, but not sockets (Linux 6.16).
   */
  static Finding coreDumps(String pattern) {
    String fix =
        "sysctl -w kernel.core_pattern=core, and turn off what sets it (apport, systemd-coredump)";
    if (pattern.startsWith("|")) {
      return Finding.warn(
          "core-dumps",
          "the kernel starts "
              + pattern.substring(1).split(" ", 2)[0]
              + " as root at a crash. Crashes of sandbox.exec's commands do not start it, but each"
              + " writes a line to the kernel's log; what 'docker exec' runs can change its limit"
              + " of core files, and then its crashes start it",
          fix);
    }
    return pattern.startsWith("@")
        ? Finding.warn(
            "core-dumps",
            "the kernel connects to "
                + pattern.replaceFirst("@+", "")
                + " at each crash, also of a program in a sandbox, whatever its limits are",
            fix)
        : Finding.ok("core-dumps", "a crash in a sandbox starts no program on the host");
  }

  /**
   * Checks whether the host has huge pages, which are no memory of the sandbox that takes them.
   *
   * @param sizes a directory for each size
   */
  static Finding hugePages(Path sizes) {
    long bytes = 0;
    try (DirectoryStream<Path> all = Files.newDirectoryStream(sizes, "hugepages-*kB")) {
      for (Path size : all) {
        String name = size.getFileName().toString();
        long kib = Long.parseLong(name.substring("hugepages-".length(), name.length() - 2));
        bytes += (read(size.resolve("nr_hugepages")) << 10) * kib;
        bytes += (read(size.resolve("nr_overcommit_hugepages")) << 10) * kib;
      }
    } catch (NoSuchFileException e) {
      return Finding.ok("huge-pages", "the kernel has none");
    } catch (IOException | DirectoryIteratorException | NumberFormatException e) {
      return unread("huge-pages", sizes.toString(), e);
    }
    return bytes == 0
        ? Finding.ok("huge-pages", "none")
        : Finding.warn(
            "huge-pages",
            (bytes >> 20)
                + " MiB of huge pages, which count as nobody's memory. Commands of sandbox.exec"
                + " can't take them, but what 'docker exec' runs in a sandbox can take all",
            "sysctl -w vm.nr_hugepages=0 vm.nr_overcommit_hugepages=0; or limit them for all"
                + " sandboxes together, with the hugetlb controller of the control group that"
                + " ZCBOT_SANDBOX_CGROUP_PARENT names");
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
