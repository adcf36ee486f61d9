/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.FileCalls;
import io.zcbot.sandbox.worker.mounts.Kernel.Descriptor;
import io.zcbot.sandbox.worker.pool.SlotMounts;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Slot directories at {@code <root>/.slots/<worker>/<slot>}, and the mounts in them. A workspace is
 * mounted on the directory {@code WORKSPACE} in the slot's directory. So it becomes visible both on
 * runtimes that see later mounts on a mounted directory and on those that see only mounts below it.
 */
public final class MountedSlots implements SlotMounts {
  private static final Set<PosixFilePermission> LISTABLE =
      PosixFilePermissions.fromString("rwxr-xr-x");
  private static final String PROBE = ".probe";
  private static final int MOST_MOUNTS_ON_ONE = 16;

  private final WorkspaceMount root;
  private final IdMaps maps;
  private final Path directory;
  private final FileCalls files;

  /**
   * Creates the slot directories of one worker.
   *
   * @param maps maps the owner of workspaces to the user of a slot, if slots do not share one
   */
  public MountedSlots(WorkspaceMount root, IdMaps maps, String workerId, FileCalls files) {
    this.root = root;
    this.maps = maps;
    this.directory = SlotMounts.directory(root.root(), workerId);
    this.files = files;
  }

  @Override
  public @Nullable String problem() {
    return root.problem();
  }

  @Override
  public Directory create(String slotId) throws IOException {
    // Not at the slot's own path: if it hangs, the next one, of another slot, would hang as well.
    return files.at(directory, () -> createNow(slotId));
  }

  private Directory createNow(String slotId) throws IOException {
    // Readable for all, because a container's first process may be any user; writable for none.
    makeDirectory(directory);
    makeDirectory(directory.resolve(PROBE));
    Path seen = directory.resolve(PROBE).resolve(PROBE_NAME);
    makeDirectory(seen);
    maps.giveToOwner(seen); // lets the slot check as whose the probe appears
    Path path = directory.resolve(slotId);
    makeDirectory(path);
    makeDirectory(path.resolve(WORKSPACE));
    Descriptor target = Kernel.openBeneath(root.top(), relative(slotId + "/" + WORKSPACE));
    return new Open(path, new Target(target), Workspaces.SANDBOX_ID);
  }

  private static void makeDirectory(Path path) throws IOException {
    try {
      Files.createDirectory(path);
      Files.setPosixFilePermissions(path, LISTABLE);
    } catch (FileAlreadyExistsException _) {
      // left by an earlier slot or a previous run
    }
  }

  private String relative(String name) {
    return root.root().relativize(directory.resolve(name)).toString();
  }

  @Override
  public Set<String> left() throws IOException {
    return files.at(directory, this::leftNow);
  }

  private Set<String> leftNow() throws IOException {
    try (Stream<Path> all = Files.list(directory)) {
      return all.map(path -> path.getFileName().toString())
          .filter(name -> !name.equals(PROBE))
          .collect(Collectors.toSet());
    } catch (NoSuchFileException _) {
      return Set.of();
    }
  }

  /** Whether anything is mounted in a slot's directory on this host. Needs no permission. */
  public boolean areMounted() throws IOException {
    return files.at(
        directory, () -> !Files.notExists(directory) && MountInfo.isAnyBeneath(directory));
  }

  @Override
  public void release(String slotId) throws IOException {
    Path path = directory.resolve(slotId);
    files.run(path, () -> releaseNow(path));
  }

  /**
   * Releases the slots of {@link #left}. One that can't be released keeps none of the others.
   *
   * @throws IOException if any can't be released; the failures of others are suppressed by it
   */
  public void releaseLeft() throws IOException {
    IOException failure = null;
    for (String slot : left()) {
      try {
        release(slot);
      } catch (IOException e) {
        if (failure == null) {
          failure = e;
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  private static void releaseNow(Path path) throws IOException {
    // Earlier versions mounted here. What is beneath may be a user's files until it is unmounted.
    detachAll(path);
    Path mountPoint = path.resolve(WORKSPACE);
    detachAll(mountPoint);
    // fails rather than deletes anything if the directory is not empty or a mount is left
    Files.deleteIfExists(mountPoint);
    Files.deleteIfExists(path);
  }

  /** Unmounts everything from a directory, which need not exist. */
  private static void detachAll(Path path) throws IOException {
    try {
      for (int i = 0; i < MOST_MOUNTS_ON_ONE; i++) {
        Kernel.detach(path);
      }
    } catch (KernelException e) {
      if (e.errno().equals(Errno.EINVAL) || e.errno().equals(Errno.ENOENT)) {
        return;
      }
      throw e;
    }
    throw new IOException(
        path + " has more than " + MOST_MOUNTS_ON_ONE + " mounts, will be tried again");
  }

  /**
   * What mounts are made on, open until nobody wants it and no mount is under way: one that was
   * given up must not go to whatever file has its number by then.
   */
  static final class Target {
    private final Descriptor descriptor;
    private int users = 1;

    Target(Descriptor descriptor) {
      this.descriptor = descriptor;
    }

    /** Keeps it open until {@link #leave}. */
    synchronized void use() throws IOException {
      if (users == 0) {
        throw new IOException(descriptor.about() + " was closed");
      }
      users++;
    }

    /** Ends a use, or that of whoever opened it. */
    synchronized void leave() {
      users--;
      if (users == 0) {
        descriptor.close();
      }
    }
  }

  /**
   * An open slot directory. Mounts are made by its descriptor, so they go to the very directory of
   * which the container was seen to get mounts, wherever its path leads by then.
   */
  private final class Open implements Directory {
    private final Path path;
    private final Path mountPoint;
    private final Target target;
    private final int uid;

    Open(Path path, Target target, int uid) {
      this.path = path;
      this.mountPoint = path.resolve(WORKSPACE);
      this.target = target;
      this.uid = uid;
    }

    @Override
    public Directory shownTo(int other) {
      return new Open(path, target, other);
    }

    @Override
    public Path path() {
      return path;
    }

    @Override
    public void mountProbe() throws IOException {
      files.run(path, () -> mount(relative(PROBE)));
    }

    @Override
    public void unmountProbe() throws IOException {
      files.run(path, () -> Kernel.detach(mountPoint));
      if (isMapped()) {
        maps.prepareNext(uid);
      }
    }

    @Override
    public void mount(UserId user) throws IOException {
      files.run(path, () -> mountNow(user));
    }

    private void mountNow(UserId user) throws IOException {
      mount(user.toString());
      if (!Files.isSameFile(mountPoint, root.root().resolve(user.toString()))) {
        throw new IOException(
            "could not mount the workspace of "
                + user
                + ": "
                + mountPoint
                + " is another directory; check whether something is mounted over "
                + root.root()
                + "?");
      }
    }

    private void mount(String source) throws IOException {
      target.use();
      try (Descriptor opened = Kernel.openBeneath(root.top(), source);
          Descriptor tree = Kernel.cloneTree(opened)) {
        Kernel.set(tree, Kernel.NOSUID | Kernel.NODEV, Kernel.PRIVATE);
        if (isMapped()) {
          maps.map(tree, uid);
        }
        Kernel.move(tree, target.descriptor);
      } finally {
        target.leave();
      }
    }

    private boolean isMapped() {
      return uid != Workspaces.SANDBOX_ID;
    }

    @Override
    public void close() {
      target.leave();
    }
  }
}
