/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit;

import io.zcbot.sandbox.worker.sandbox.Workspaces;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;

/** Workspaces of tests that run as any user. */
public final class TestWorkspaces {
  private TestWorkspaces() {}

  /** Opens a root, which is created if it is missing, whatever the umask is. */
  public static Workspaces open(Path root) throws IOException {
    Files.createDirectories(
        root, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
    return Workspaces.open(root).ownedBy(owner(root));
  }

  /** The sandbox user, or, as only root can give directories to others, the owner of the root. */
  public static Workspaces.Owner owner(Path root) throws IOException {
    int uid = (int) Files.getAttribute(root, "unix:uid");
    return uid == 0
        ? Workspaces.Owner.UNMAPPED
        : new Workspaces.Owner(uid, (int) Files.getAttribute(root, "unix:gid"));
  }
}
