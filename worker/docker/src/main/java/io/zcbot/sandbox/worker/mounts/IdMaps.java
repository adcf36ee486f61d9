/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.zcbot.sandbox.worker.base.HostShortage;
import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.mounts.Kernel.Descriptor;
import io.zcbot.sandbox.worker.sandbox.Workspaces.Owner;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Maps ids of mounts, so that the owner of all workspaces on disk appears in a sandbox as the user
 * that the sandbox runs as. The kernel takes the mapping from a user namespace, so there is one
 * namespace for each sandbox user, in which no process remains. Namespaces are kept until {@link
 * #close}, because sandboxes get the same users again and again. Thread-safe.
 */
public final class IdMaps implements AutoCloseable {
  private static final Path SELF = Path.of("/proc/self/ns/user");
  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(5);

  /** How long the end of a process may take to show once its files are gone. */
  private static final long ENDING_MILLIS = 100;

  private static final int MOST_SAID = 500;

  /** The exit code of a process that the kernel killed because memory was short. */
  private static final int KILLED = 137;

  private final Owner owner;
  private final boolean withRoot;
  private final Map<Integer, Descriptor> namespaces = new ConcurrentHashMap<>();
  private volatile boolean closed;

  /**
   * Creates no namespace yet.
   *
   * @param owner the user and group that own workspaces on disk
   * @param withRoot whether root maps to itself; needed for runtimes with a kernel of their own,
   *     whose file server creates a sandbox's files as root
   */
  public IdMaps(Owner owner, boolean withRoot) {
    this.owner = owner;
    this.withRoot = withRoot;
  }

  /**
   * Returns why workspaces in a directory can't be mounted with mapped ids; null if they can. Tries
   * it with a mount that is never attached.
   *
   * @param uid a sandbox user to try it with
   * @throws IOException if it could not be tried for a reason that may pass, such as a shortage of
   *     the host
   */
  public @Nullable String problem(Path directory, int uid) throws IOException {
    try (Descriptor opened = Kernel.openDirectory(directory);
        // not recursive: mounts beneath may be claimed slots of a previous run, and the kernel
        // refuses to map ids of a mount twice
        Descriptor tree = Kernel.cloneMount(opened)) {
      Kernel.mapIds(tree, namespace(uid));
      return null;
    } catch (IOException e) {
      if (HostShortage.mayPass(e)) {
        throw e;
      }
      return e instanceof KernelException refused ? explained(refused) : e.getMessage();
    } catch (LinkageError e) {
      return "this system has no mount system calls: " + e;
    }
  }

  private static String explained(KernelException e) {
    if (e.errno().equals(Errno.EPERM)) {
      return "the worker may not mount: it needs CAP_SYS_ADMIN (" + e.getMessage() + ")";
    }
    if (e.errno().equals(Errno.ENOSYS)) {
      return "it requires Linux 5.12 or later (" + e.getMessage() + ")";
    }
    return e.errno().equals(Errno.EINVAL)
        ? "its file system, or one mounted beneath, can't show files as another user's ("
            + e.getMessage()
            + ")"
        : String.valueOf(e.getMessage());
  }

  /**
   * Maps ids of a mount that is not attached yet: files of the owner appear as the sandbox user's.
   */
  void map(Descriptor tree, int uid) throws IOException {
    try {
      Kernel.mapIds(tree, namespace(uid));
    } catch (KernelException e) {
      if (!e.errno().equals(Errno.EINVAL)) {
        throw e;
      }
      // it works in the root, but a user's workspace may be a mount of its own
      throw new IOException(
          explained(e) + "; use another one, or set ZCBOT_SANDBOX_UIDS=shared", e);
    }
  }

  /**
   * Creates the namespace of the next sandbox user in the background, before a sandbox waits for
   * it, because user ids are allocated in sequence. That starts a process, so call it when no
   * sandbox is starting.
   */
  void prepareNext(int uid) {
    if (!namespaces.containsKey(uid + 1)) {
      Threads.start("id-map", () -> makeAhead(uid + 1));
    }
  }

  private void makeAhead(int uid) {
    try {
      namespace(uid);
    } catch (IOException _) {
      // the sandbox that needs the namespace tries again and reports the failure
    }
    // close() may have run while the namespace was created, and would have missed it
    if (closed) {
      close();
    }
  }

  /** Gives a directory to the owner of workspaces. */
  void giveToOwner(Path directory) throws IOException {
    Files.setAttribute(directory, "unix:uid", owner.uid());
    Files.setAttribute(directory, "unix:gid", owner.gid());
  }

  private Descriptor namespace(int uid) throws IOException {
    try {
      return namespaces.computeIfAbsent(uid, this::make);
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  /**
   * Creates a user namespace. Only a process can create one; it is killed once the namespace is
   * open.
   */
  private Descriptor make(int uid) {
    try {
      ProcessBuilder unshare = new ProcessBuilder("unshare", "--user", "cat");
      unshare.environment().put("LC_ALL", "C"); // what it says is matched
      Process first = unshare.start();
      try {
        Path process = Path.of("/proc", String.valueOf(first.pid()));
        awaitOwn(first, process.resolve("ns/user"));
        Owner shown = owner.as(uid);
        Owner root = owner.as(0);
        Files.writeString(process.resolve("uid_map"), lines(owner.uid(), shown.uid(), root.uid()));
        Files.writeString(process.resolve("gid_map"), lines(owner.gid(), shown.gid(), root.gid()));
        return Kernel.openFile(process.resolve("ns/user"));
      } catch (IOException e) {
        throw cause(first, e);
      } finally {
        first.destroyForcibly();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(
          new IOException(
              "could not make a user namespace for the user "
                  + uid
                  + ": "
                  + e.getMessage()
                  + "; the worker needs the program unshare, CAP_SETUID, CAP_SETGID, "
                  + (withRoot ? "CAP_SETFCAP, " : "")
                  + "and a host that allows user namespaces (sysctl user.max_user_namespaces)",
              e));
    }
  }

  private String lines(int disk, int shown, int root) {
    return disk + " " + shown + " 1\n" + (withRoot ? root + " " + root + " 1\n" : "");
  }

  /** Waits until the process has entered its own user namespace. */
  private static void awaitOwn(Process first, Path namespace) throws IOException {
    Path ours = Files.readSymbolicLink(SELF);
    long began = System.nanoTime();
    while (Files.readSymbolicLink(namespace).equals(ours)) {
      if (hasEnded(first, 1)) {
        throw new IOException("it has no user namespace of its own");
      }
      if (System.nanoTime() - began > PATIENCE_NANOS) {
        throw new ShortageException("unshare did not begin within 5 s");
      }
    }
  }

  private static boolean hasEnded(Process first, long millis) throws IOException {
    try {
      return first.waitFor(millis, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  /**
   * Returns why a process's namespace could not be made: that it has ended, if it has. Only what it
   * says tells whether the host is short of something. Of that, "no space left" does not count and
   * is not passed on: it says so where user namespaces are not allowed, which does not pass.
   */
  static IOException cause(Process first, IOException failure) throws IOException {
    if (HostShortage.isBehind(failure) || !hasEnded(first, ENDING_MILLIS)) {
      return failure;
    }
    int code = first.exitValue();
    String said = new String(first.getErrorStream().readNBytes(MOST_SAID), UTF_8);
    String ended = "unshare ended with exit code " + code;
    if (code == KILLED || HostShortage.NO_MEMORY.matcher(said).find()) {
      return new ShortageException(ended + ", as the host is short of memory or processes");
    }
    if (HostShortage.NO_DISK.matcher(said).find()) {
      return new IOException(ended + ", as user.max_user_namespaces is too low");
    }
    return new IOException(said.lines().findFirst().map(line -> ended + ": " + line).orElse(ended));
  }

  /** The process could not start, or not in time: the host is too busy or out of memory. */
  private static final class ShortageException extends IOException implements HostShortage {
    private static final long serialVersionUID = 1L;

    ShortageException(String message) {
      super(message);
    }

    @Override
    public boolean isShortage() {
      return true;
    }
  }

  @Override
  public void close() {
    closed = true;
    for (Integer uid : Set.copyOf(namespaces.keySet())) {
      Descriptor kept = namespaces.remove(uid);
      if (kept != null) {
        kept.close();
      }
    }
  }
}
