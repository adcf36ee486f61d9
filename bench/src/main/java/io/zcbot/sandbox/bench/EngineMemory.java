/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;

/** The memory of an engine's containers and of what the engine runs for each of them. */
final class EngineMemory {
  private EngineMemory() {}

  /**
   * By their shares of each page.
   *
   * @param directory of the engine's, which the processes of its containers name
   */
  static double mib(Path directory) {
    Set<Long> pids = new HashSet<>();
    ProcessHandle.allProcesses()
        .filter(process -> isContainers(process.pid(), directory))
        .forEach(
            process -> {
              pids.add(process.pid());
              process.descendants().forEach(child -> pids.add(child.pid()));
            });
    return pids.stream().mapToLong(EngineMemory::kib).sum() / 1024.0;
  }

  /** Whether it is a shim or a process of gVisor's. */
  private static boolean isContainers(long pid, Path directory) {
    String command = read(pid, "cmdline").replace('\0', ' ');
    String program = command.substring(0, Math.max(0, command.indexOf(' ')));
    String name = program.substring(program.lastIndexOf('/') + 1);
    return command.contains(directory + "/")
        && (name.startsWith("containerd-shim") || name.startsWith("runsc"));
  }

  private static long kib(long pid) {
    return read(pid, "smaps_rollup")
        .lines()
        .filter(line -> line.startsWith("Pss:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
        .sum();
  }

  /** Nothing if it has ended meanwhile. */
  private static String read(long pid, String file) {
    try {
      return Files.readString(Path.of("/proc/" + pid, file), StandardCharsets.ISO_8859_1);
    } catch (IOException _) {
      return "";
    }
  }
}
