/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.machine;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The mounts that a worker leaves in and beneath a root of workspaces. */
public final class Mounts {
  private Mounts() {}

  /** The lines of mountinfo about the root and everything beneath it. */
  public static List<String> beneath(Path root) throws IOException {
    return Files.readAllLines(Path.of("/proc/self/mountinfo")).stream()
        .filter(line -> line.split(" ")[4].startsWith(root.toString()))
        .toList();
  }

  /** The directories of a worker's slots. */
  public static List<Path> slots(Path root, String worker) throws IOException {
    try (var all = Files.list(root.resolve(".slots").resolve(worker))) {
      return all.filter(path -> !path.endsWith(".probe")).toList();
    }
  }
}
