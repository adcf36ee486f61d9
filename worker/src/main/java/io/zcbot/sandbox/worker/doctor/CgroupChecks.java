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

/** Judges the control group that holds those of all sandboxes. */
final class CgroupChecks {
  static final Path MOUNTED = Path.of("/sys/fs/cgroup");
  private static final String SYSTEMD = "systemd";
  private static final String SLICE = ".slice";

  /** The first kernel whose groups can be idle. */
  private static final Version IDLE_GROUPS = new Version(5, 15, 0);

  private CgroupChecks() {}

  /**
   * Whether the engine can create containers there. Pure.
   *
   * @param parent null for none
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
   * Whether all other programs of the host get a processor before sandboxes do. That is decided
   * among the groups right below the root.
   *
   * @param mounted where the control groups are
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
                    // below the root, a group has only the controllers that the root passes on
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

  /** The group below the root: dashes in a slice's name stand for the slices that it is in. */
  private static String top(String parent) {
    return parent.endsWith(SLICE)
        ? parent.substring(0, parent.length() - SLICE.length()).split("-", 2)[0] + SLICE
        : parent.split("/", 3)[1];
  }
}
