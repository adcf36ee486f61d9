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
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes a workspace appear as owned by a sandbox's user: mounts the workspace on itself with mapped
 * ids while the sandbox starts. The engine mounts that mount in the container, which keeps it; then
 * the worker removes its own.
 *
 * <p>A note in {@code <root>/.slots/.views/<worker>} records which worker made a mount, because
 * workers of one host may share a root.
 */
public final class MappedWorkspaces implements WorkspaceViews {
  private static final Logger log = LoggerFactory.getLogger(MappedWorkspaces.class);
  private static final String NOTES = ".views";

  private final WorkspaceMount root;
  private final IdMaps maps;
  private final Path notes;

  /** Whose views were not closed, or not completely. */
  private final Set<UserId> open = ConcurrentHashMap.newKeySet();

  /** Creates the views of one worker. */
  public MappedWorkspaces(WorkspaceMount root, IdMaps maps, String workerId) {
    this.root = root;
    this.maps = maps;
    this.notes = WorkspaceMount.slots(root.root()).resolve(NOTES).resolve(workerId);
  }

  /**
   * Removes mounts that a previous run left because it was killed while a sandbox started. Mounts
   * that another worker has a note of are kept, because its sandbox may be about to start. Mounts
   * that can't be removed are logged and keep their notes: only their users get no sandboxes.
   */
  public void clear() throws IOException {
    // read before the notes: a note exists before its mount and until after it
    Set<String> left = shown();
    left.removeAll(notedByOthers());
    left.removeIf(this::tryDetachLeft);
    for (Path note : entries(notes)) {
      if (!left.contains(note.getFileName().toString())) {
        Files.deleteIfExists(note);
      }
    }
  }

  private boolean tryDetachLeft(String user) {
    Path point = root.root().resolve(user);
    try {
      detachLeft(point);
      return true;
    } catch (KernelException e) {
      log.warn(
          "a previous run left {} mounted on itself, and it can't be unmounted: {}. Its user gets no"
              + " sandbox. Run on this host: umount {}",
          point,
          e.getMessage(),
          point);
      return false;
    }
  }

  /** The users whose workspaces this worker alone noted and left mounted on this host. */
  public Set<String> left() throws IOException {
    if (Files.notExists(notes)) {
      return Set.of();
    }
    Set<String> left = shown();
    if (!left.isEmpty()) { // otherwise it needs no permission to read notes
      left.retainAll(names(notes));
      left.removeAll(notedByOthers());
    }
    return left;
  }

  /**
   * Removes the mounts of {@link #left} and the notes of them. Other notes are kept: hosts may
   * share the root, and without its note nobody could tell whose mount another host has.
   */
  public void clearLeft() throws IOException {
    for (String user : left()) {
      detachLeft(root.root().resolve(user));
      Files.deleteIfExists(notes.resolve(user));
    }
  }

  private static void detachLeft(Path point) throws KernelException {
    detach(point);
    log.info("unmounted {} from itself, which was left", point);
  }

  private static void detach(Path point) throws KernelException {
    try {
      Kernel.detach(point);
    } catch (KernelException e) {
      if (!e.errno().equals(Errno.EINVAL)) { // it was removed meanwhile
        throw e;
      }
    }
  }

  private Set<String> notedByOthers() throws IOException {
    Set<String> noted = new HashSet<>();
    for (Path worker : entries(Objects.requireNonNull(notes.getParent()))) {
      if (!worker.equals(notes)) {
        noted.addAll(names(worker));
      }
    }
    return noted;
  }

  private static Set<String> names(Path directory) throws IOException {
    return entries(directory).stream()
        .map(entry -> entry.getFileName().toString())
        .collect(Collectors.toSet());
  }

  private static List<Path> entries(Path directory) throws IOException {
    try (Stream<Path> all = Files.list(directory)) {
      return all.toList();
    } catch (NoSuchFileException _) {
      return List.of();
    }
  }

  /** The users whose workspaces are mounted on themselves on this host, by whichever worker. */
  private Set<String> shown() throws IOException {
    String parent = root.root() + "/";
    return MountInfo.all().stream()
        .filter(mount -> mount.mapsIds() && mount.point().startsWith(parent))
        .map(mount -> mount.point().substring(parent.length()))
        .filter(MappedWorkspaces::isUser)
        .collect(Collectors.toCollection(HashSet::new));
  }

  private static boolean isUser(String name) {
    try {
      UserId.parse(name);
      return true;
    } catch (IllegalArgumentException _) {
      return false;
    }
  }

  @Override
  public void endLeft(UserId user) throws IOException {
    if (open.contains(user)) {
      detachLeft(root.root().resolve(user.toString()));
      forget(user);
    }
  }

  private void forget(UserId user) throws IOException {
    open.remove(user);
    Files.deleteIfExists(notes.resolve(user.toString()));
  }

  @Override
  public View show(UserId user, int uid) throws IOException {
    endLeft(user); // ids of a mount can't be mapped twice
    Path path = root.root().resolve(user.toString());
    try (Descriptor opened = Kernel.openBeneath(root.top(), user.toString());
        Descriptor tree = Kernel.cloneTree(opened)) {
      Kernel.set(tree, Kernel.NOSUID | Kernel.NODEV, Kernel.PRIVATE);
      maps.map(tree, uid);
      Files.createDirectories(notes);
      Files.writeString(notes.resolve(user.toString()), "");
      try {
        Kernel.move(tree, opened);
      } catch (KernelException e) {
        forget(user); // else other workers would keep a mount of theirs because of the note
        throw e;
      }
      open.add(user); // after: what is unmounted must have been mounted here
    }
    return () -> {
      maps.prepareNext(uid);
      try {
        detach(path);
        forget(user);
      } catch (IOException e) {
        log.warn("{} stays mounted on itself: {}", path, e.getMessage());
      }
    };
  }
}
