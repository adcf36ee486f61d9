/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import io.zcbot.sandbox.worker.testkit.machine.Commands;
import io.zcbot.sandbox.worker.testkit.machine.Commands.Result;
import io.zcbot.sandbox.worker.testkit.machine.UserModeLinux;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * The program that runs in the kernel with version 2 of control groups. It makes the attack in a
 * group with a limit on its memory, as the engine gives a sandbox, in one without a limit, and with
 * one socket in a group with the limit, and writes a file with the result of each. Then it lets
 * programs crash, with two limits of core files.
 */
final class SocketMemoryGuest {
  static final String LIMITED = "limited";
  static final String FEW_SOCKETS = "few-sockets";
  static final String UNLIMITED = "unlimited";
  static final long LIMIT = 32L << 20;
  static final String CRASHED = "crashed-";

  /** Together they hold three times the limit. */
  private static final int SOCKETS = Math.toIntExact(3 * LIMIT / SocketMemory.HELD);

  private SocketMemoryGuest() {}

  public static void main(String[] args) throws Exception {
    Path directory = Path.of(args[0]);
    Path groups = Files.createDirectory(directory.resolve("tmp").resolve("groups"));
    Commands.run("ip", "link", "set", "lo", "up");
    // The kernel's default is a share of its memory, and this one has little.
    Files.writeString(Path.of("/proc/sys/net/ipv4/udp_mem"), "65536 131072 262144");
    Commands.run("mount", "-t", "cgroup2", "none", groups.toString());
    Files.writeString(groups.resolve("cgroup.subtree_control"), "+memory");
    for (String name : List.of(UNLIMITED, LIMITED, FEW_SOCKETS)) {
      Path group = Files.createDirectory(groups.resolve(name));
      if (!name.equals(UNLIMITED)) {
        Files.writeString(group.resolve("memory.max"), Long.toString(LIMIT));
      }
      Result result =
          Commands.tryRun(
              "sh",
              "-c",
              "ulimit -n 4096; echo $$ > \"$0/cgroup.procs\"; exec python3 -c \"$1\"",
              group.toString(),
              SocketMemory.attack(name.equals(FEW_SOCKETS) ? 1 : SOCKETS));
      Files.writeString(
          directory.resolve(UserModeLinux.OUT).resolve(name),
          result.exitCode() == 0 ? result.output().strip() : "exit code " + result.exitCode());
    }
    crash(directory.resolve(UserModeLinux.OUT));
  }

  /** The kernel puts the limit into the name of the file that its program for crashes makes. */
  private static void crash(Path results) throws Exception {
    Files.writeString(
        Path.of("/proc/sys/kernel/core_pattern"),
        "|/usr/bin/touch " + results + "/" + CRASHED + "%c");
    for (int limit : new int[] {1, 0}) {
      Commands.tryRun(
          "prlimit", "--core=" + limit + ":" + limit, "sh", "-c", "cd /tmp && kill -SEGV $$");
    }
    Path last = results.resolve(CRASHED + "0");
    for (int i = 0; i < 100 && !Files.exists(last); i++) {
      Thread.sleep(100);
    }
  }
}
