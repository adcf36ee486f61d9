/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import io.zcbot.sandbox.worker.base.DiskSpace;
import io.zcbot.sandbox.worker.mounts.FileSystemSpace;
import io.zcbot.sandbox.worker.mounts.ProjectQuotas;
import io.zcbot.sandbox.worker.spec.WorkspaceLimit;
import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Checks the directory of the workspaces, as this process sees it; changes nothing. */
final class WorkspaceChecks {
  private WorkspaceChecks() {}

  static Finding root(Path root) {
    try {
      return root(root, Files.readAllLines(ProcessChecks.STATUS));
    } catch (IOException e) {
      return Finding.warn(
          "workspace-root", ProcessChecks.STATUS + " can't be read: " + e, "run this on Linux");
    }
  }

  /**
   * Checks whether the worker can use the root, and that nobody else can change it.
   *
   * @param status the lines of {@code /proc/self/status}
   */
  static Finding root(Path root, List<String> status) {
    Path there = existing(root);
    try {
      Path real = there.toRealPath();
      Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(real);
      // Others can't replace a root that is made in such a directory; as a root it is refused.
      boolean isTmp = !there.equals(root) && Files.isDirectory(real) && isSticky(real);
      if (!isTmp
          && (permissions.contains(PosixFilePermission.GROUP_WRITE)
              || permissions.contains(PosixFilePermission.OTHERS_WRITE))) {
        return Finding.fail(
            "workspace-root",
            real + " is writable by other users, who could replace workspaces with links",
            "chmod go-w " + real);
      }
      if (!Files.isDirectory(real) || !Files.isWritable(real)) {
        return Finding.fail(
            "workspace-root",
            real + " is not a directory that this process may write to",
            "run the worker, and this, as root, or set ZCBOT_WORKSPACE_ROOT to a directory that"
                + " its user may write to");
      }
      if (!ProcessChecks.canGiveWorkspaces(status)) {
        return Finding.warn(
            "workspace-root",
            "this process may not give workspaces to the sandboxes' user (CAP_CHOWN), so ensures"
                + " would be answered failed(workspace)",
            "run the worker, and this, as root; in a container, add the capabilities CHOWN and"
                + " FOWNER");
      }
      return Finding.ok(
          "workspace-root",
          there.equals(root)
              ? real.toString()
              : root + " does not exist yet; the worker creates" + " it when it starts");
    } catch (IOException e) {
      return Finding.fail(
          "workspace-root",
          root + " can't be read: " + e,
          "make it a directory that only the worker can write to");
    }
  }

  private static boolean isSticky(Path directory) throws IOException {
    return ((Integer) Files.getAttribute(directory, "unix:mode") & 01000) != 0;
  }

  /** Checks whether there is room for new workspaces. */
  static Finding space(Path root) {
    Path there = existing(root);
    try {
      DiskSpace space = FileSystemSpace.of(there);
      String problem = space.problem(there);
      if (problem != null) {
        return Finding.fail(
            "workspace-space", problem + ", so new users are refused", DiskSpace.ADVICE);
      }
      return Finding.ok(
          "workspace-space",
          where(there)
              + " has "
              + (space.freeBytes() >> 20)
              + " MiB left"
              + (space.inodes() == 0 ? "" : " and room for " + space.freeInodes() + " files"));
    } catch (IOException e) {
      return Finding.warn(
          "workspace-space", there + " can't be measured: " + e, "run this as the worker's user");
    }
  }

  /**
   * Checks whether one user can fill the disk for all.
   *
   * @param limit of each workspace; null for none
   */
  static Finding quota(Path root, @Nullable WorkspaceLimit limit) {
    Path there = existing(root);
    String where = where(there);
    String problem = ProjectQuotas.problem(there);
    if (limit != null) {
      return problem == null
          ? Finding.ok("workspace-quota", where + " limits each workspace to " + limit)
          : Finding.fail(
              "workspace-quota",
              where + " can't limit workspaces to " + limit + ": " + problem,
              "fix that, or unset ZCBOT_WORKSPACE_SIZE");
    }
    return problem == null
        ? Finding.warn(
            "workspace-quota",
            where
                + " supports project quotas, but no limit is set: one user can fill the disk for"
                + " all",
            "set ZCBOT_WORKSPACE_SIZE")
        : Finding.warn(
            "workspace-quota",
            where + " can't limit workspaces, so one user can fill the disk for all: " + problem,
            "put the workspaces on a file system of their own, XFS or ext4 mounted with prjquota,"
                + " and set ZCBOT_WORKSPACE_SIZE; or monitor its free space");
  }

  /**
   * Checks whether workspaces and the engine's data are on one file system: then what a sandbox
   * writes and syncs delays the engine, which syncs at each create.
   *
   * @param engineRoot the engine's data directory, as the engine names it
   */
  static Finding disk(Path root, Path engineRoot) {
    Path there = existing(root);
    try {
      if (!Files.exists(engineRoot)) {
        return Finding.ok("workspace-disk", engineRoot + " can't be seen from here");
      }
      return Files.getAttribute(there, "unix:dev")
              .equals(Files.getAttribute(engineRoot, "unix:dev"))
          ? Finding.warn(
              "workspace-disk",
              there
                  + " and the engine's "
                  + engineRoot
                  + " are on one file system: what a sandbox writes and syncs delays the creation"
                  + " of others",
              "put the workspaces on a disk of their own (ZCBOT_WORKSPACE_ROOT)")
          : Finding.ok(
              "workspace-disk", "the workspaces are on another file system than the engine");
    } catch (IOException e) {
      return Finding.warn(
          "workspace-disk", there + " can't be read: " + e, "run this as the worker's user");
    }
  }

  /** Returns the type of the file system and where it is mounted; the path if that is unknown. */
  private static String where(Path path) {
    try {
      FileStore fileSystem = Files.getFileStore(path.toRealPath());
      return fileSystem.type() + " at " + fileSystem;
    } catch (IOException _) {
      return path.toString();
    }
  }

  /**
   * Returns the directory, or its closest existing ancestor, in which the worker would create it.
   */
  static Path existing(Path root) {
    Path there = root;
    while (!Files.exists(there) && there.getParent() != null) {
      there = there.getParent();
    }
    return there;
  }
}
