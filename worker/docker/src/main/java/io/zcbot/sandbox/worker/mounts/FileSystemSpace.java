/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.zcbot.sandbox.worker.base.DiskSpace;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/** Measures file systems by statvfs, because the JDK tells nothing of inodes. */
@SuppressWarnings("restricted") // a call of libc; the worker is started with native access enabled
public final class FileSystemSpace {
  // The first fields of struct statvfs on 64-bit Linux are numbers of 8 bytes each: block size,
  // fragment size, blocks, free blocks, available blocks, files, free files, available files.
  private static final long FRAGMENT = 1;
  private static final long BLOCKS = 2;
  private static final long AVAILABLE_BLOCKS = 4;
  private static final long FILES = 5;
  private static final long AVAILABLE_FILES = 7;
  private static final long STRUCT_BYTES = 256; // more than any libc writes

  private static final Linker LINKER = Linker.nativeLinker();
  private static final MethodHandle STATVFS =
      LINKER.downcallHandle(
          LINKER.defaultLookup().findOrThrow("statvfs"),
          FunctionDescriptor.of(JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS));

  private FileSystemSpace() {}

  /**
   * Measures the file system that holds a path.
   *
   * @throws IOException if the path does not exist or the file system does not answer
   */
  public static DiskSpace of(Path path) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment found = arena.allocate(STRUCT_BYTES, JAVA_LONG.byteAlignment());
      if (statvfs(arena.allocateFrom(path.toString()), found) < 0) {
        throw new IOException("the space of the file system of " + path + " can't be read");
      }
      long unit = at(found, FRAGMENT);
      return new DiskSpace(
          at(found, BLOCKS) * unit,
          at(found, AVAILABLE_BLOCKS) * unit,
          at(found, FILES),
          at(found, AVAILABLE_FILES));
    }
  }

  private static int statvfs(MemorySegment path, MemorySegment found) {
    try {
      return (int) STATVFS.invokeExact(path, found);
    } catch (Throwable e) {
      throw new IllegalStateException("a call of libc failed", e);
    }
  }

  private static long at(MemorySegment struct, long index) {
    return struct.getAtIndex(JAVA_LONG, index);
  }
}
