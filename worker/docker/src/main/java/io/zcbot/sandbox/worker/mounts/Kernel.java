/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.file.Path;

/**
 * System calls for mounts by file descriptor (Linux 5.12 and later), and a way to make other calls.
 * A directory is resolved once and then used by its descriptor, so that nobody can replace it with
 * a link between a check and the mount. A mount gets its attributes before it becomes visible.
 */
@SuppressWarnings("restricted") // calls into libc; the worker is started with native access enabled
final class Kernel {
  static final long NOSUID = 0x02;
  static final long NODEV = 0x04;
  private static final long IDMAP = 0x100000;
  static final long PRIVATE = 1 << 18;
  static final long SHARED = 1 << 20;

  // Numbers above 423 are the same on every architecture.
  private static final long OPEN_TREE = 428;
  private static final long MOVE_MOUNT = 429;
  private static final long OPENAT2 = 437;
  private static final long MOUNT_SETATTR = 442;

  private static final int AT_FDCWD = -100;
  private static final long AT_EMPTY_PATH = 0x1000;
  private static final long AT_RECURSIVE = 0x8000;
  private static final long OPEN_TREE_CLONE = 1;
  private static final long CLOEXEC = 0x80000;
  private static final long O_PATH = 0x200000;
  private static final long RESOLVE_NO_MAGICLINKS = 0x02;
  private static final long RESOLVE_NO_SYMLINKS = 0x04;
  private static final long RESOLVE_BENEATH = 0x08;
  private static final long MOVE_FROM_AND_TO_DESCRIPTORS = 0x04 | 0x40;
  private static final int DETACH = 2;
  private static final int NO_FOLLOW = 8;

  private static final long O_DIRECTORY =
      System.getProperty("os.arch").equals("aarch64") ? 0x4000 : 0x10000;

  private static final Linker LINKER = Linker.nativeLinker();
  private static final StructLayout STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
  private static final AddressLayout POINTER = ValueLayout.ADDRESS;
  private static final MethodHandle SYSCALL =
      LINKER.downcallHandle(
          LINKER.defaultLookup().findOrThrow("syscall"),
          FunctionDescriptor.of(
              JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
          Linker.Option.firstVariadicArg(1),
          Linker.Option.captureCallState("errno"));
  private static final MethodHandle UMOUNT2 =
      LINKER.downcallHandle(
          LINKER.defaultLookup().findOrThrow("umount2"),
          FunctionDescriptor.of(JAVA_INT, POINTER, JAVA_INT),
          Linker.Option.captureCallState("errno"));
  private static final MethodHandle CLOSE =
      LINKER.downcallHandle(
          LINKER.defaultLookup().findOrThrow("close"), FunctionDescriptor.of(JAVA_INT, JAVA_INT));

  private static final MethodHandle IOCTL =
      LINKER.downcallHandle(
          LINKER.defaultLookup().findOrThrow("ioctl"),
          FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, POINTER),
          Linker.Option.firstVariadicArg(2),
          Linker.Option.captureCallState("errno"));

  private Kernel() {}

  /** An open file, directory or detached mount. Closing it leaves the object as it is. */
  record Descriptor(int number, String about) implements AutoCloseable {
    @Override
    public void close() {
      try {
        int _ = (int) CLOSE.invokeExact(number);
      } catch (Throwable e) {
        throw unexpected(e);
      }
    }
  }

  /** Opens a directory by its absolute path; symbolic links are followed. */
  static Descriptor openDirectory(Path path) throws KernelException {
    return open(AT_FDCWD, path.toString(), path.toString(), O_PATH, 0);
  }

  /** Opens a directory beneath another one; fails if there is a symbolic link on the way. */
  static Descriptor openBeneath(Descriptor parent, String relative) throws KernelException {
    return openBeneath(parent, relative, O_PATH);
  }

  /** The same with permission to read it, which {@link #ioctl} and listing require. */
  static Descriptor readBeneath(Descriptor parent, String relative) throws KernelException {
    return openBeneath(parent, relative, 0);
  }

  private static Descriptor openBeneath(Descriptor parent, String relative, long flags)
      throws KernelException {
    return open(
        parent.number,
        relative,
        parent.about + "/" + relative,
        flags,
        RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
  }

  /** Opens a file that is not a directory for reading, by its absolute path; links are followed. */
  static Descriptor openFile(Path path) throws KernelException {
    return openAny(AT_FDCWD, path.toString(), path.toString(), 0, 0);
  }

  private static Descriptor open(int parent, String path, String about, long flags, long resolve)
      throws KernelException {
    return openAny(parent, path, about, flags | O_DIRECTORY, resolve);
  }

  private static Descriptor openAny(int parent, String path, String about, long flags, long resolve)
      throws KernelException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment how = arena.allocateFrom(JAVA_LONG, flags | CLOEXEC, 0, resolve);
      long descriptor =
          call(
              OPENAT2,
              "openat2",
              about,
              parent,
              arena.allocateFrom(path).address(),
              how.address(),
              how.byteSize(),
              0);
      return new Descriptor((int) descriptor, about);
    }
  }

  /** Clones a directory and all mounts beneath it as a new mount that is not attached yet. */
  static Descriptor cloneTree(Descriptor directory) throws KernelException {
    return cloned(directory, AT_RECURSIVE);
  }

  /** Clones a directory without the mounts beneath it as a new mount that is not attached yet. */
  static Descriptor cloneMount(Descriptor directory) throws KernelException {
    return cloned(directory, 0);
  }

  private static Descriptor cloned(Descriptor directory, long depth) throws KernelException {
    try (Arena arena = Arena.ofConfined()) {
      long tree =
          call(
              OPEN_TREE,
              "open_tree",
              directory.about,
              directory.number,
              arena.allocateFrom("").address(),
              OPEN_TREE_CLONE | CLOEXEC | AT_EMPTY_PATH | depth,
              0,
              0);
      return new Descriptor((int) tree, directory.about);
    }
  }

  /**
   * Sets attributes of a mount and of all mounts beneath it.
   *
   * @param propagation {@link #PRIVATE}, {@link #SHARED}, or 0 to leave it as it is
   */
  static void set(Descriptor tree, long attributes, long propagation) throws KernelException {
    set(tree, attributes, propagation, 0);
  }

  /**
   * Maps the owners of files in a mount that is not attached yet, and in all mounts beneath it.
   *
   * @param namespace the user namespace that defines the mapping
   */
  static void mapIds(Descriptor tree, Descriptor namespace) throws KernelException {
    set(tree, IDMAP, 0, namespace.number);
  }

  private static void set(Descriptor tree, long attributes, long propagation, long namespace)
      throws KernelException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment change = arena.allocateFrom(JAVA_LONG, attributes, 0, propagation, namespace);
      long _ =
          call(
              MOUNT_SETATTR,
              "mount_setattr",
              tree.about,
              tree.number,
              arena.allocateFrom("").address(),
              AT_EMPTY_PATH | AT_RECURSIVE,
              change.address(),
              change.byteSize());
    }
  }

  /** Attaches a cloned mount. */
  static void move(Descriptor tree, Descriptor target) throws KernelException {
    try (Arena arena = Arena.ofConfined()) {
      long empty = arena.allocateFrom("").address();
      long _ =
          call(
              MOVE_MOUNT,
              "move_mount",
              tree.about + " to " + target.about,
              tree.number,
              empty,
              target.number,
              empty,
              MOVE_FROM_AND_TO_DESCRIPTORS);
    }
  }

  /** Unmounts the topmost mount of a path and all beneath it, even if it is in use. */
  static void detach(Path path) throws KernelException {
    unmount(path, DETACH | NO_FOLLOW);
  }

  /** Unmounts the topmost mount of a path; fails if it is in use. */
  static void unmount(Path path) throws KernelException {
    unmount(path, NO_FOLLOW);
  }

  private static void unmount(Path path, int flags) throws KernelException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(STATE);
      int result = (int) UMOUNT2.invokeExact(state, arena.allocateFrom(path.toString()), flags);
      if (result < 0) {
        throw new KernelException("umount2", path.toString(), errno(state));
      }
    } catch (KernelException | RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /**
   * Makes an ioctl on an open file.
   *
   * @param name of the request, for messages
   * @param argument what the kernel reads or writes
   */
  static void ioctl(Descriptor file, long request, String name, MemorySegment argument)
      throws KernelException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(STATE);
      int result = (int) IOCTL.invokeExact(state, file.number, request, argument);
      if (result < 0) {
        throw new KernelException(name, file.about, errno(state));
      }
    } catch (KernelException | RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /** Makes a system call of at most five arguments, by its number; returns what it returns. */
  static long call(long number, String name, String about, long a, long b, long c, long d, long e)
      throws KernelException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(STATE);
      long result = (long) SYSCALL.invokeExact(state, number, a, b, c, d, e);
      if (result < 0) {
        throw new KernelException(name, about, errno(state));
      }
      return result;
    } catch (KernelException | RuntimeException failure) {
      throw failure;
    } catch (Throwable failure) {
      throw unexpected(failure);
    }
  }

  private static Errno errno(MemorySegment state) {
    return new Errno((int) ERRNO.get(state, 0L));
  }

  /** Invoking a method handle declares Throwable, but calls of libc throw nothing. */
  private static IllegalStateException unexpected(Throwable e) {
    return new IllegalStateException("a call of libc failed", e);
  }
}
