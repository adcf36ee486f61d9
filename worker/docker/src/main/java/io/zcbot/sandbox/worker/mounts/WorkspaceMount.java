/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import io.zcbot.sandbox.worker.base.HostShortage;
import io.zcbot.sandbox.worker.mounts.Kernel.Descriptor;
import io.zcbot.sandbox.worker.pool.SlotMounts;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The workspace root as a mount of its own. It is nosuid and nodev, which every mount of a
 * workspace in a sandbox inherits, and shared, so that mounts beneath it can propagate to running
 * containers.
 *
 * <p>If that is not possible, {@link #problem} says why, and sandboxes work without it.
 */
public final class WorkspaceMount implements Closeable {
  private static final Logger log = LoggerFactory.getLogger(WorkspaceMount.class);

  private static final String MARKER = ".mounted";
  private static final long BUSY_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final long BUSY_INTERVAL_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

  private final Path root;
  private final @Nullable Hold hold;
  private final @Nullable String problem;
  private final AtomicBoolean isReleased = new AtomicBoolean();

  private WorkspaceMount(Path root, @Nullable Hold hold, @Nullable String problem) {
    this.root = root;
    this.hold = hold;
    this.problem = problem;
  }

  /**
   * What keeps others from unmounting the root.
   *
   * @param top the open root directory: nobody in the same mount namespace can
   * @param use no other worker does, in any namespace
   */
  private record Hold(Descriptor top, RootUse use) {
    void release() {
      top.close();
      use.close();
    }
  }

  /**
   * Mounts the root on itself unless it is such a mount already. If that is not possible, {@link
   * #problem} says why.
   *
   * @param root the workspace root, an existing directory
   * @throws IOException if it failed for a reason that may pass, such as a shortage of the host
   */
  public static WorkspaceMount prepare(Path root) throws IOException {
    try {
      return new WorkspaceMount(root, hold(root), null);
    } catch (IOException e) {
      return unmountable(root, e);
    } catch (LinkageError e) {
      return new WorkspaceMount(root, null, "this system has no mount system calls: " + e);
    }
  }

  /** Returns the root without a mount; throws why that failed if it may pass. */
  static WorkspaceMount unmountable(Path root, IOException failure) throws IOException {
    if (HostShortage.mayPass(failure)) {
      throw failure;
    }
    return new WorkspaceMount(root, null, explained(failure));
  }

  /** Returns the root without mounting it, only to undo mounts that were made beneath it. */
  public static WorkspaceMount asItIs(Path root) {
    return new WorkspaceMount(root, null, "it is not configured");
  }

  /** Returns why directories can't be mounted in the root; null if they can. */
  public @Nullable String problem() {
    return problem;
  }

  Path root() {
    return root;
  }

  /**
   * Returns the open root directory. While it is open, nobody can unmount the root.
   *
   * @throws IOException if directories can't be mounted in the root
   */
  Descriptor top() throws IOException {
    if (hold == null) {
      throw new IOException("directories can't be mounted in " + root + ": " + problem);
    }
    return hold.top;
  }

  private static Hold hold(Path root) throws IOException {
    RootUse use = RootUse.begin(root); // first: whoever unmounts the root has finished then
    try {
      return new Hold(makeUnlessMade(root), use);
    } catch (IOException | RuntimeException e) {
      use.close();
      throw e;
    }
  }

  private static Descriptor makeUnlessMade(Path root) throws IOException {
    // Locked, because workers of one host may share a root: a second mount would hide the first.
    try (RootLock _ = RootLock.take(root)) {
      try (Descriptor seen = Kernel.openDirectory(root);
          Descriptor tree = Kernel.cloneTree(seen)) { // fails if the worker may not mount
        MountInfo mount = MountInfo.of(seen);
        if (!mount.isShared() || !mount.hasNoSuidNorDevices()) {
          // Private first, so that it becomes a peer group of its own: in the peer group of the
          // mount that it lies in, all mounts would show as well.
          Kernel.set(tree, Kernel.NOSUID | Kernel.NODEV, Kernel.PRIVATE);
          Kernel.set(tree, 0, Kernel.SHARED);
          // First, since a disk may be too full for it: nobody would take off what has none.
          Files.writeString(slots(root).resolve(MARKER), "");
          Kernel.move(tree, seen);
          log.info("mounted {} on itself as shared, nosuid, nodev", root);
        }
        // While the others are open, with which a worker that stops can't unmount the root.
        return Kernel.openDirectory(root);
      }
    }
  }

  static Path slots(Path root) {
    return root.resolve(SlotMounts.TOP);
  }

  static String explained(IOException failure) {
    if (failure instanceof KernelException e) {
      if (e.errno().equals(Errno.EPERM)) {
        return "the worker may not mount: it needs CAP_SYS_ADMIN (" + e.getMessage() + ")";
      }
      if (e.errno().equals(Errno.ENOSYS)) {
        return "mounts by descriptor require Linux 5.12 or later (" + e.getMessage() + ")";
      }
    }
    return String.valueOf(failure.getMessage());
  }

  /**
   * Unmounts the root if a worker mounted it on itself and nothing uses it; blocks for up to 1 s if
   * something does. May be called again if something did.
   */
  @Override
  public void close() {
    if (hold == null) {
      return;
    }
    if (isReleased.compareAndSet(false, true)) {
      hold.release();
    }
    try (RootUse last = RootUse.ifNobodyElse(root)) {
      if (last == null) {
        log.debug("{} stays mounted, because another worker uses it", root);
        return;
      }
      Path marker = slots(root).resolve(MARKER);
      if (Files.exists(marker) && isOnItself()) {
        unmount();
        Files.deleteIfExists(marker);
      }
    } catch (IOException e) {
      log.info("{} could not be unmounted from itself: {}", root, e.getMessage());
    }
  }

  /**
   * Whether the same files are there without the topmost mount of the root. The marker does not say
   * so: it outlives a worker that is killed, and then an administrator may mount a disk there.
   */
  private boolean isOnItself() throws IOException {
    try (Descriptor opened = Kernel.openDirectory(root)) {
      return MountInfo.of(opened).isOnItself(MountInfo.all());
    }
  }

  /**
   * Unmounts the root. A process that this one has just started holds copies of its descriptors,
   * that of the root among them, until it executes its program; so the kernel is asked again,
   * unless slots that keep running are mounted beneath.
   */
  private void unmount() throws IOException {
    long deadline = System.nanoTime() + BUSY_NANOS;
    while (true) {
      try {
        Kernel.unmount(root);
        return;
      } catch (KernelException e) {
        if (!e.errno().equals(Errno.EBUSY)
            || System.nanoTime() - deadline > 0
            || Thread.currentThread().isInterrupted()
            || MountInfo.isAnyBeneath(root)) {
          throw e;
        }
        LockSupport.parkNanos(BUSY_INTERVAL_NANOS);
      }
    }
  }
}
