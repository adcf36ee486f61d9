package io.zcbot.sandbox.worker.mounts;

import io.zcbot.sandbox.worker.mounts.Kernel.Descriptor;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The workspace root as a mount of its own: without setuid programs and device files, which every
 * sandbox's mount of a workspace takes over, and shared, so that what is mounted beneath it later
 * can show in a container that runs already.
 *
 * <p>Where that can't be had, sandboxes are as safe as without it, and {@link #problem} says why.
 */
public final class WorkspaceMount implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(WorkspaceMount.class);

  private final Path root;
  private final @Nullable String problem;
  private final boolean made;

  private WorkspaceMount(Path root, @Nullable String problem, boolean made) {
    this.root = root;
    this.problem = problem;
    this.made = made;
  }

  /**
   * Makes the root such a mount unless it is one.
   *
   * @param root the workspace root, an existing directory
   */
  public static WorkspaceMount prepare(Path root) {
    try {
      return new WorkspaceMount(root, null, makeUnlessMade(root));
    } catch (IOException e) {
      return new WorkspaceMount(root, explained(e), false);
    } catch (LinkageError e) {
      return new WorkspaceMount(root, "this system can't be asked for mounts: " + e, false);
    }
  }

  /** Why nothing can be mounted beneath the root; null if it can. */
  public @Nullable String problem() {
    return problem;
  }

  Path root() {
    return root;
  }

  /** Workers of one host may share a root: a second mount on top would hide the first one's. */
  private static boolean makeUnlessMade(Path root) throws IOException {
    Path directory = slots(root);
    Files.createDirectories(
        directory,
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    // Waits for a worker that is doing this, for as long as a few system calls take.
    try (FileChannel file =
            FileChannel.open(
                directory.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        FileLock _ = file.lock();
        Descriptor seen = Kernel.openDirectory(root);
        Descriptor tree = Kernel.cloneTree(seen)) {
      MountInfo mount = MountInfo.of(seen);
      if (mount.isShared() && mount.hasNoSuidNorDevices()) {
        return false; // and cloning it has shown that mounting is allowed
      }
      // Private first: a group of its own, or all would be mounted in the one it lies in, too.
      Kernel.set(tree, Kernel.NOSUID | Kernel.NODEV, Kernel.PRIVATE);
      Kernel.set(tree, 0, Kernel.SHARED);
      Kernel.move(tree, seen);
    }
    log.info("mounted {} on itself: shared, nosuid, nodev", root);
    return true;
  }

  static Path slots(Path root) {
    return root.resolve(".slots");
  }

  private static String explained(IOException failure) {
    if (failure instanceof MountException e) {
      if (e.errno().equals(Errno.EPERM)) {
        return "the worker may not mount: it needs CAP_SYS_ADMIN (" + e.getMessage() + ")";
      }
      if (e.errno().equals(Errno.ENOSYS)) {
        return "mounts by descriptor take Linux 5.12 or later (" + e.getMessage() + ")";
      }
    }
    return String.valueOf(failure.getMessage());
  }

  /** Takes the mount off again if this process made it and nothing uses it. */
  @Override
  public void close() {
    if (!made) {
      return;
    }
    try {
      Kernel.unmount(root);
    } catch (MountException e) {
      log.info("{} stays mounted on itself: {}", root, e.getMessage());
    }
  }
}
