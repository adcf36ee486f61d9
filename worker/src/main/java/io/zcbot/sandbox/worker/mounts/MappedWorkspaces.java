/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.mounts.Kernel.Descriptor;
import io.zcbot.sandbox.worker.sandbox.WorkspaceViews;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Shows a workspace as a sandbox's user's by a mount of it on itself, while the sandbox starts: the
 * engine then mounts that mount in the container, which keeps it. A note in {@code
 * <root>/.slots/.views/<worker>} says whose mount it is, since workers of one host may share a
 * root.
 */
public final class MappedWorkspaces implements WorkspaceViews {
  private static final Logger log = LoggerFactory.getLogger(MappedWorkspaces.class);
  private static final String NOTES = ".views";

  private final WorkspaceMount root;
  private final IdMaps maps;
  private final Path notes;

  /** The views of a worker. */
  public MappedWorkspaces(WorkspaceMount root, IdMaps maps, String workerId) {
    this.root = root;
    this.maps = maps;
    this.notes = WorkspaceMount.slots(root.root()).resolve(NOTES).resolve(workerId);
  }

  /**
   * Takes off what a worker left that was killed while a sandbox started, unless it was another
   * one, whose sandbox may be about to start.
   */
  public void clear() throws IOException {
    List<MountInfo> mounts = MountInfo.all(); // before the notes, which are there for longer
    Set<String> others = notedByOthers();
    for (MountInfo mount : mounts) {
      if (mount.mapsIds()
          && isWorkspace(mount.point())
          && !others.contains(Path.of(mount.point()).getFileName().toString())) {
        detach(mount.point());
      }
    }
    for (Path note : entries(notes)) {
      Files.deleteIfExists(note);
    }
  }

  private static void detach(String point) throws KernelException {
    try {
      Kernel.detach(Path.of(point));
      log.info("unmounted {} from itself, as a previous run left it", point);
    } catch (KernelException e) {
      if (!e.errno().equals(Errno.EINVAL)) { // another worker's, which took it off meanwhile
        throw e;
      }
    }
  }

  private Set<String> notedByOthers() throws IOException {
    Set<String> noted = new HashSet<>();
    for (Path worker : entries(Objects.requireNonNull(notes.getParent()))) {
      if (!worker.equals(notes)) {
        entries(worker).forEach(note -> noted.add(note.getFileName().toString()));
      }
    }
    return noted;
  }

  private static List<Path> entries(Path directory) throws IOException {
    try (Stream<Path> all = Files.list(directory)) {
      return all.toList();
    } catch (NoSuchFileException _) {
      return List.of();
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
    Path note = notes.resolve(user.toString());
    try (Descriptor opened = Kernel.openBeneath(root.top(), user.toString());
        Descriptor tree = Kernel.cloneTree(opened)) {
      Kernel.set(tree, Kernel.NOSUID | Kernel.NODEV, Kernel.PRIVATE);
      maps.map(tree, uid);
      Files.createDirectories(notes);
      Files.writeString(note, "");
      Kernel.move(tree, opened);
    }
    return () -> {
      maps.prepareNext(uid);
      try {
        Kernel.detach(path);
        Files.deleteIfExists(note);
      } catch (IOException e) {
        log.warn("{} stays mounted on itself: {}", path, e.getMessage());
      }
    };
  }
}
