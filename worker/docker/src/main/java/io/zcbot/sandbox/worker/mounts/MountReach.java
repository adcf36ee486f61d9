/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import io.zcbot.sandbox.worker.base.HostShortage;
import io.zcbot.sandbox.worker.mounts.Kernel.Descriptor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Finds out whether an engine on this host sees the mounts that this process makes. */
public final class MountReach {
  private static final String ENGINE = "dockerd";
  private static final Path PROC = Path.of("/proc");

  private MountReach() {}

  /**
   * Returns why the engine does not see mounts in a directory; null if it does, as far as this
   * process can tell. Call it before anything is mounted on the directory.
   *
   * @throws IOException if it can't be determined now, for a reason that may pass
   */
  public static @Nullable String problem(Path directory) throws IOException {
    try (Descriptor opened = Kernel.openDirectory(directory)) {
      return MountInfo.of(opened).isSharedBothWays() || isWithAnEngine()
          ? null
          : "the engine does not see what this process mounts in "
              + directory
              + ", which is no shared mount of the host";
    } catch (IOException e) {
      if (HostShortage.mayPass(e)) {
        throw e;
      }
      return e.getMessage();
    } catch (LinkageError e) {
      return "this system has no mount system calls: " + e;
    }
  }

  /**
   * Whether an engine runs in this process's mount namespace, so that mounts need not be shared.
   */
  private static boolean isWithAnEngine() throws IOException {
    Path ours = Files.readSymbolicLink(PROC.resolve("self/ns/mnt"));
    List<Path> processes;
    try (Stream<Path> all = Files.list(PROC)) {
      processes = all.filter(path -> path.getFileName().toString().matches("[0-9]+")).toList();
    }
    return processes.stream().anyMatch(process -> isEngine(process, ours));
  }

  private static boolean isEngine(Path process, Path namespace) {
    try {
      return Files.readString(process.resolve("comm")).strip().equals(ENGINE)
          && Files.readSymbolicLink(process.resolve("ns/mnt")).equals(namespace);
    } catch (IOException _) {
      return false; // the process ended, or may not be inspected
    }
  }
}
