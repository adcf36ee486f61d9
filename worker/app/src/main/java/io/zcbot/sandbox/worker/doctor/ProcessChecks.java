/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import io.zcbot.sandbox.worker.pool.SlotRoom;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.Profile;
import io.zcbot.sandbox.worker.spec.Profiles;
import io.zcbot.sandbox.worker.spec.ResourceLimits;
import io.zcbot.sandbox.worker.spec.SandboxUids;
import io.zcbot.sandbox.worker.spec.TrafficLimits;
import io.zcbot.sandbox.worker.spec.Warm;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Checks the privileges of this process and settings of the kernel. */
final class ProcessChecks {
  static final Path STATUS = Path.of("/proc/self/status");
  private static final Path INOTIFY = Path.of("/proc/sys/fs/inotify/max_user_instances");
  private static final Path MOST_FILES = Path.of("/proc/sys/fs/file-max");
  private static final Path UDP_PAGES = Path.of("/proc/sys/net/ipv4/udp_mem");
  private static final Path TCP_PAGES = Path.of("/proc/sys/net/ipv4/tcp_mem");
  private static final Path MEMORY = Path.of("/proc/meminfo");
  private static final Path CONNECTIONS = Path.of("/proc/sys/net/netfilter/nf_conntrack_max");
  private static final int CAP_CHOWN = 0;
  private static final int CAP_SYS_ADMIN = 21;

  /**
   * Seconds of new connections that can be in the table: those that closed within 120 s, and a
   * burst worth 5 s.
   */
  private static final long REMEMBERED_SECONDS = 125;

  /** The page size on x86-64, in bytes. */
  private static final long PAGE = 4096;

  /** The divisor of the host's memory that gives the acceptable maximum for sockets. */
  private static final int SOCKETS_SHARE = 8;

  /** Inotify instances per sandbox to allow for: one or two language servers and some watchers. */
  private static final int INSTANCES_EACH = 64;

  private ProcessChecks() {}

  static Finding warmSlots(int wanted) {
    try {
      return warmSlots(wanted, Files.readAllLines(STATUS));
    } catch (IOException e) {
      return Finding.warn("warm-slots", STATUS + " can't be read: " + e, "run this on Linux");
    }
  }

  static Finding warmSlots(int wanted, List<String> status) {
    if (wanted == 0) {
      return Finding.ok("warm-slots", "not configured");
    }
    return isCapable(status, CAP_SYS_ADMIN)
        ? Finding.ok("warm-slots", "this process may mount workspaces into running containers")
        : Finding.warn(
            "warm-slots",
            "this process may not mount: there is no warm pool, and workspaces are nosuid and"
                + " nodev only if their file system is",
            "give the worker CAP_SYS_ADMIN on the engine's host, or set ZCBOT_SANDBOX_WARM=0");
  }

  /** Checks whether the host's memory and maximum allow the wanted size of the warm pool. */
  static Finding warmSize(Warm wanted, int maxSandboxes, int inMemory) {
    Warm here = wanted.on(maxSandboxes, inMemory);
    if (!wanted.goesByDemand()) {
      return Finding.ok("warm-size", wanted.least() + " containers in the warm pool");
    }
    String detail =
        here.least()
            + " to "
            + here.most()
            + " containers in the warm pool, by demand; a sixteenth of the host's memory holds "
            + inMemory;
    return here.least() == wanted.least()
        ? Finding.ok("warm-size", detail)
        : Finding.warn(
            "warm-size",
            detail + ", and ZCBOT_SANDBOX_WARM wants at least " + wanted.least(),
            "lower it, or raise ZCBOT_SANDBOX_MAX, which is "
                + maxSandboxes
                + "; a single number is kept whatever the memory");
  }

  /** Checks whether the warm slots of all profiles fit on the host. */
  static Finding warmSum(Profiles profiles, SlotRoom room) {
    int least = 0;
    long bytes = 0;
    for (Profile profile : profiles.all()) {
      least += profile.warm().least();
      bytes += profile.warm().least() * room.bytesOf(profile);
    }
    String detail = least + " containers in the warm pool at least, of all profiles";
    if (least >= room.slots()) {
      return Finding.warn(
          "warm-profiles",
          detail + ", and ZCBOT_SANDBOX_MAX is " + room.slots(),
          "give profiles a smaller warm, or raise ZCBOT_SANDBOX_MAX");
    }
    return bytes > room.bytes()
        ? Finding.warn(
            "warm-profiles",
            detail + ", which take more than a sixteenth of the host's memory",
            "give profiles a smaller warm")
        : Finding.ok("warm-profiles", detail);
  }

  static Finding openFiles(int mostSandboxes, int pids) {
    try {
      return openFiles(mostSandboxes, pids, new BigInteger(setting(MOST_FILES)));
    } catch (IOException | NumberFormatException e) {
      return Finding.warn(
          "open-files", MOST_FILES + " can't be read: " + e, "check fs.file-max by hand");
    }
  }

  /**
   * Checks the host-wide limit of open files, which applies to everybody but root, whoever holds
   * the open files.
   */
  static Finding openFiles(int mostSandboxes, int pids, BigInteger most) {
    BigInteger wanted =
        BigInteger.valueOf(mostSandboxes)
            .multiply(BigInteger.valueOf(pids))
            .multiply(BigInteger.valueOf(ResourceLimits.MOST_OPEN_FILES));
    BigInteger each =
        BigInteger.valueOf(pids).multiply(BigInteger.valueOf(ResourceLimits.MOST_OPEN_FILES));
    String detail =
        mostSandboxes + " sandboxes can open " + wanted + " files, and the host has " + most;
    if (most.compareTo(wanted) >= 0) {
      return Finding.ok("open-files", detail);
    }
    String who = most.compareTo(each) <= 0 ? "one sandbox" : mostSandboxes + " sandboxes together";
    return Finding.warn(
        "open-files",
        detail + ": " + who + " can use up those of all",
        "sysctl -w fs.file-max="
            + wanted
            + "; open files count as memory of their sandbox, so a high number is safe");
  }

  static Finding connections(int mostSandboxes, NetworkPolicy policy) {
    try {
      return connections(mostSandboxes, policy, Long.parseLong(setting(CONNECTIONS)));
    } catch (IOException | NumberFormatException e) {
      return Finding.warn(
          "connections",
          CONNECTIONS + " can't be read: " + e,
          "check net.netfilter.nf_conntrack_max by hand, as docs/networking.md says");
    }
  }

  /** Checks the connection tracking table, which all network namespaces share. */
  static Finding connections(int mostSandboxes, NetworkPolicy policy, long most) {
    if (!policy.hasNetwork()) {
      return Finding.ok("connections", "sandboxes have no network");
    }
    TrafficLimits limits = policy.traffic();
    long each = limits.flows() + REMEMBERED_SECONDS * limits.newFlowsPerSecond();
    long wanted = mostSandboxes * each;
    String detail =
        "%d sandboxes can take %d entries in the table of connections, and the host has %d"
            .formatted(mostSandboxes, wanted, most);
    return most > wanted
        ? Finding.ok("connections", detail)
        : Finding.warn(
            "connections",
            detail + "; one sandbox can take " + each,
            "sysctl -w net.netfilter.nf_conntrack_max="
                + (wanted + 1)
                + ", or lower ZCBOT_SANDBOX_FLOWS and ZCBOT_SANDBOX_FLOW_RATE");
  }

  /**
   * Checks the kernel's host-wide limits of socket memory, the only ones there are: cgroup version
   * 1 does not count it, and version 2 counts it but refuses none.
   */
  static Finding socketMemory(int cgroupVersion) {
    try {
      return socketMemory(
          cgroupVersion, setting(UDP_PAGES), setting(TCP_PAGES), Files.readAllLines(MEMORY));
    } catch (IOException e) {
      return unknownSocketMemory("can't be read: " + e);
    }
  }

  static Finding socketMemory(
      int cgroupVersion, String udpPages, String tcpPages, List<String> memory) {
    try {
      long pages = last(udpPages) + last(tcpPages);
      long host =
          memory.stream()
              .filter(line -> line.startsWith("MemTotal:"))
              .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
              .sum();
      String detail =
          "sockets of all sandboxes can hold "
              + ((pages * PAGE) >> 20)
              + (cgroupVersion == 2
                  ? " MiB, which counts as their memory, but is not refused over their limits"
                  : " MiB, which counts as memory of no sandbox");
      if (pages * PAGE <= host / SOCKETS_SHARE) {
        return Finding.ok("socket-memory", detail);
      }
      return Finding.warn(
          "socket-memory",
          detail + "; the host has " + (host >> 20) + " MiB",
          "sysctl -w net.ipv4.udp_mem="
              + pages(host / 32)
              + " net.ipv4.tcp_mem="
              + pages(host / 16));
    } catch (NumberFormatException e) {
      return unknownSocketMemory("can't be understood: " + e.getMessage());
    }
  }

  private static Finding unknownSocketMemory(String why) {
    return Finding.warn(
        "socket-memory",
        "net.ipv4.udp_mem and tcp_mem " + why,
        "run this in the host's network namespace");
  }

  private static long last(String pages) {
    String[] words = pages.strip().split("\\s+", -1);
    return Long.parseLong(words[words.length - 1]);
  }

  private static String pages(long bytes) {
    long most = bytes / PAGE;
    return "'" + most / 2 + " " + most * 3 / 4 + " " + most + "'";
  }

  /**
   * Whether this process can make workspaces belong to the shared user: it has CAP_CHOWN or is that
   * user.
   */
  static boolean canGiveWorkspaces(List<String> status) {
    String user = String.valueOf(SandboxUids.SHARED.first());
    return isCapable(status, CAP_CHOWN)
        || (effectiveId(status, "Uid:").equals(user) && effectiveId(status, "Gid:").equals(user));
  }

  /** Returns the second id of a line with the real, effective, saved and file system ids. */
  private static String effectiveId(List<String> status, String line) {
    return status.stream()
        .filter(text -> text.startsWith(line))
        .map(text -> text.split("\\s+", -1)[2])
        .findFirst()
        .orElse("");
  }

  private static boolean isCapable(List<String> status, int capability) {
    return status.stream()
        .filter(line -> line.startsWith("CapEff:"))
        .map(line -> Long.parseUnsignedLong(line.substring("CapEff:".length()).strip(), 16))
        .anyMatch(capabilities -> (capabilities >>> capability & 1) == 1);
  }

  static Finding inotify(int mostSandboxes, boolean sharedUid) {
    try {
      int instances = Integer.parseInt(setting(INOTIFY));
      return sharedUid
          ? inotify(mostSandboxes, instances)
          : Finding.ok("inotify", "each sandbox can use " + instances + " inotify instances");
    } catch (IOException | NumberFormatException e) {
      return Finding.warn(
          "inotify",
          INOTIFY + " can't be read: " + e,
          "check fs.inotify.max_user_instances by" + " hand");
    }
  }

  /**
   * Checks the limit of inotify instances if sandboxes share a user; the kernel counts them by
   * user.
   */
  static Finding inotify(int mostSandboxes, int instances) {
    long wanted = (long) mostSandboxes * INSTANCES_EACH;
    String detail =
        "all sandboxes together can use "
            + instances
            + " inotify instances, because they share"
            + " one uid";
    return instances >= wanted
        ? Finding.ok("inotify", detail)
        : Finding.warn(
            "inotify",
            detail + "; one sandbox can exhaust them for all " + mostSandboxes,
            "sysctl -w fs.inotify.max_user_instances=" + wanted);
  }

  /**
   * Reads a kernel setting. {@link Files#readString} does not work: it reads one byte first if the
   * file's size is unknown, and the kernel answers a second read with the end of the file.
   */
  static String setting(Path file) throws IOException {
    return String.join("\n", Files.readAllLines(file));
  }
}
