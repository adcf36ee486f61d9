package io.zcbot.sandbox.worker.doctor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Set;

/** Judges the directory of the workspaces, as this process sees it; changes nothing. */
final class WorkspaceChecks {
  private static final Path MOUNTS = Path.of("/proc/self/mountinfo");

  private WorkspaceChecks() {}

  static Finding root(Path root) {
    Path there = root;
    while (!Files.exists(there) && there.getParent() != null) {
      there = there.getParent();
    }
    try {
      Path real = there.toRealPath();
      Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(real);
      boolean isTmp = Files.isDirectory(real) && isSticky(real);
      if (!isTmp
          && (permissions.contains(PosixFilePermission.GROUP_WRITE)
              || permissions.contains(PosixFilePermission.OTHERS_WRITE))) {
        return Finding.fail(
            "workspace-root",
            real + " is writable by others, who could put links where workspaces belong",
            "chmod go-w " + real);
      }
      return Finding.ok(
          "workspace-root",
          there.equals(root) ? real.toString() : root + " is made at the worker's start");
    } catch (IOException e) {
      return Finding.fail(
          "workspace-root",
          root + " can't be looked at: " + e,
          "make it a directory that only the worker can write to");
    }
  }

  private static boolean isSticky(Path directory) throws IOException {
    return ((Integer) Files.getAttribute(directory, "unix:mode") & 01000) != 0;
  }

  /** Whether one user can fill the disk of all. */
  static Finding quota(Path root) {
    Mount mount;
    try {
      mount = Mount.of(root, Files.readAllLines(MOUNTS));
    } catch (IOException e) {
      return Finding.warn(
          "workspace-quota", MOUNTS + " can't be read: " + e, "look at the mount options yourself");
    }
    if (mount == null) {
      return Finding.warn(
          "workspace-quota", "no mount holds " + root, "look at the mount options yourself");
    }
    return mount.hasProjectQuota()
        ? Finding.ok("workspace-quota", mount.type() + " with project quotas at " + mount.point())
        : Finding.warn(
            "workspace-quota",
            mount.type()
                + " at "
                + mount.point()
                + " has no project quotas: a user can fill the disk of all",
            "put the workspaces on a file system of their own, mounted with prjquota, and set a"
                + " project's limit for each directory; or watch its free space");
  }
}
