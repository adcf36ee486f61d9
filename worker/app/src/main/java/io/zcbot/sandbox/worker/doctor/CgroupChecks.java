/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import io.zcbot.sandbox.worker.docker.host.EngineFacts;
import io.zcbot.sandbox.worker.doctor.Advisories.Version;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Checks the control group that contains those of all sandboxes. */
final class CgroupChecks {
  static final Path MOUNTED = Path.of("/sys/fs/cgroup");
  private static final String SYSTEMD = "systemd";
  private static final String SLICE = ".slice";

  /** The first Linux version with idle control groups. */
  private static final Version IDLE_GROUPS = new Version(5, 15, 0);

  private CgroupChecks() {}

  /**
   * Checks whether the engine can create containers in the group. Makes no calls.
   *
   * @param parent null if none is configured
   */
  static Finding parent(EngineFacts facts, @Nullable String parent) {
    if (parent == null) {
      return Finding.ok("cgroup-parent", "not configured");
    }
    String driver = facts.cgroups().driver();
    return driver.equals(SYSTEMD) == parent.endsWith(SLICE) && !driver.equals("none")
        ? Finding.ok("cgroup-parent", parent)
        : Finding.fail(
            "cgroup-parent",
            "the engine can't create containers below "
                + parent
                + ", because its control groups are made by "
                + (driver.isEmpty() ? "somebody that it does not name" : driver),
            "set ZCBOT_SANDBOX_CGROUP_PARENT to "
                + (driver.equals(SYSTEMD)
                    ? "a slice, such as sandboxes.slice"
                    : "a path, such as /sandboxes")
                + ", or unset it");
  }

  /**
   * Checks whether all other programs of the host get CPU time before sandboxes do. That is decided
   * among the groups directly below the root.
   *
   * @param mounted where the control groups are mounted
   */
  static Finding idle(EngineFacts facts, String parent, Path mounted) {
    Path controller = facts.cgroups().version() == 2 ? mounted : mounted.resolve("cpu");
    Path file = controller.resolve(top(parent)).resolve("cpu.idle");
    String fix =
        parent.endsWith(SLICE)
            ? "set CPUWeight=idle in the [Slice] section of the unit "
                + top(parent)
                + ", which systemd 252 and later know"
            : (facts.cgroups().version() == 2
                    // a group has only those controllers that its parent, here the root, enables
                    // for it
                    ? "echo +cpu > " + mounted.resolve("cgroup.subtree_control") + " && "
                    : "")
                + "mkdir -p "
                + file.getParent()
                + " && echo 1 > "
                + file;
    try {
      return Files.readString(file).strip().equals("1")
          ? Finding.ok("cgroup-idle", "other programs get a processor before sandboxes do")
          : Finding.warn(
              "cgroup-idle",
              "programs of the host wait for sandboxes that use the processors",
              fix);
    } catch (NoSuchFileException e) {
      Version kernel = Version.parse(facts.versions().kernel());
      return Finding.warn(
          "cgroup-idle",
          file + " does not exist",
          kernel != null && kernel.compareTo(IDLE_GROUPS) < 0
              ? "run Linux 5.15 or later; before, no group can be idle"
              : fix);
    } catch (IOException e) {
      return Finding.warn("cgroup-idle", file + " can't be read: " + e, fix);
    }
  }

  /**
   * Returns the ancestor directly below the root. A dash in a slice's name separates it from its
   * parent slices.
   */
  private static String top(String parent) {
    return parent.endsWith(SLICE)
        ? parent.substring(0, parent.length() - SLICE.length()).split("-", 2)[0] + SLICE
        : parent.split("/", 3)[1];
  }
}
