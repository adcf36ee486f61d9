/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.mounts.Kernel.Descriptor;
import io.zcbot.sandbox.worker.sandbox.WorkspaceViews;
import java.io.IOException;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Shows a workspace as a sandbox's user's by a mount of it on itself, while the sandbox starts: the
 * engine then mounts that mount in the container, which keeps it.
 */
public final class MappedWorkspaces implements WorkspaceViews {
  private static final Logger log = LoggerFactory.getLogger(MappedWorkspaces.class);

  private final WorkspaceMount root;
  private final IdMaps maps;

  public MappedWorkspaces(WorkspaceMount root, IdMaps maps) {
    this.root = root;
    this.maps = maps;
  }

  /** Takes off what a worker left that was killed while a sandbox started. */
  public void clear() throws IOException {
    for (MountInfo mount : MountInfo.all()) {
      if (mount.mapsIds() && isWorkspace(mount.point())) {
        Kernel.detach(Path.of(mount.point()));
        log.info("unmounted {} from itself, as a previous run left it", mount.point());
      }
    }
  }

  private boolean isWorkspace(String point) {
    String parent = root.root() + "/";
    if (!point.startsWith(parent)) {
      return false;
    }
    try {
      UserId.parse(point.substring(parent.length()));
      return true;
    } catch (IllegalArgumentException _) {
      return false;
    }
  }

  @Override
  public View show(UserId user, int uid) throws IOException {
    Path path = root.root().resolve(user.toString());
    try (Descriptor opened = Kernel.openBeneath(root.top(), user.toString());
        Descriptor tree = Kernel.cloneTree(opened)) {
      Kernel.set(tree, Kernel.NOSUID | Kernel.NODEV, Kernel.PRIVATE);
      maps.map(tree, uid);
      Kernel.move(tree, opened);
    }
    return () -> {
      maps.prepareNext(uid);
      try {
        Kernel.detach(path);
      } catch (KernelException e) {
        log.warn("{} stays mounted on itself: {}", path, e.getMessage());
      }
    };
  }
}
