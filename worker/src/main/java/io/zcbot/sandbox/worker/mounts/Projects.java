/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import io.zcbot.sandbox.worker.mounts.Kernel.Descriptor;
import io.zcbot.sandbox.worker.spec.WorkspaceLimit;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The kernel's projects: numbers on files and directories, by which a file system counts and limits
 * what there is under each. ioctl_xfs_fsgetxattr(2), quotactl(2); XFS and ext4 answer alike. Asking
 * by an open directory takes Linux 5.14.
 */
final class Projects {
  // struct fsxattr
  private static final long GET_ATTRIBUTES = 0x801c581fL;
  private static final long SET_ATTRIBUTES = 0x401c5820L;
  private static final long ATTRIBUTES_SIZE = 28;
  private static final long FLAGS = 0;
  private static final long PROJECT = 12;
  private static final int INHERIT = 0x200;

  // struct if_dqblk; its blocks are of 1 KiB, whatever the file system's
  private static final long RECORD_SIZE = 72;
  private static final long HARD_BLOCKS = 0;
  private static final long SOFT_BLOCKS = 8;
  private static final long SPACE = 16;
  private static final long HARD_FILES = 24;
  private static final long SOFT_FILES = 32;
  private static final long FILES = 40;
  private static final long VALID = 64;
  private static final int LIMITS_ARE_VALID = 1 | 4;
  private static final long BLOCK = 1024;

  // struct fs_quota_statv, version 1, with room to spare
  private static final long STATE_SIZE = 256;
  private static final long STATE_FLAGS = 2;
  private static final int COUNTS = 1 << 4;
  private static final int ENFORCES = 1 << 5;

  private static final long QUOTACTL_FD = 443;
  private static final long GET_RECORD = command(0x800007);
  private static final long SET_RECORD = command(0x800008);
  private static final long GET_STATE = command(0x5808);

  private Projects() {}

  private static long command(long of) {
    int project = 2;
    return of << 8 | project;
  }

  /**
   * What a directory bears.
   *
   * @param inherits whether what is made in it gets the same
   */
  record Mark(int id, boolean inherits) {}

  static Mark mark(Descriptor directory) throws KernelException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment attributes = attributes(directory, arena);
      return new Mark(
          attributes.get(JAVA_INT, PROJECT), (attributes.get(JAVA_INT, FLAGS) & INHERIT) != 0);
    }
  }

  /** Gives a directory an id, which what is made in it later gets as well. */
  static void mark(Descriptor directory, int id) throws KernelException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment attributes = attributes(directory, arena);
      attributes.set(JAVA_INT, PROJECT, id);
      attributes.set(JAVA_INT, FLAGS, attributes.get(JAVA_INT, FLAGS) | INHERIT);
      Kernel.ioctl(directory, SET_ATTRIBUTES, "FS_IOC_FSSETXATTR", attributes);
    }
  }

  private static MemorySegment attributes(Descriptor directory, Arena arena)
      throws KernelException {
    MemorySegment attributes = arena.allocate(ATTRIBUTES_SIZE, Long.BYTES);
    Kernel.ioctl(directory, GET_ATTRIBUTES, "FS_IOC_FSGETXATTR", attributes);
    return attributes;
  }

  /** What the file system of a directory does with projects. Anyone may ask. */
  enum State {
    UNCOUNTED,
    COUNTED,
    LIMITED
  }

  static State state(Descriptor directory) throws KernelException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(STATE_SIZE, Long.BYTES);
      state.set(JAVA_BYTE, 0, (byte) 1);
      quotactl(directory, GET_STATE, 0, state);
      int flags = state.get(JAVA_SHORT, STATE_FLAGS);
      return (flags & COUNTS) == 0
          ? State.UNCOUNTED
          : (flags & ENFORCES) == 0 ? State.COUNTED : State.LIMITED;
    }
  }

  /**
   * What a file system knows of a project. One that nothing bears has neither space nor files.
   *
   * @param limit none where its numbers are 0
   */
  record Account(WorkspaceLimit limit, long bytes, long files) {
    static final Account NEW = new Account(new WorkspaceLimit(0, 0), 0, 0);

    boolean isUnused() {
      return bytes == 0 && files == 0;
    }
  }

  static Account account(Descriptor directory, int id) throws KernelException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment account = arena.allocate(RECORD_SIZE, Long.BYTES);
      quotactl(directory, GET_RECORD, id, account);
      return new Account(
          new WorkspaceLimit(
              account.get(JAVA_LONG, HARD_BLOCKS) * BLOCK, account.get(JAVA_LONG, HARD_FILES)),
          account.get(JAVA_LONG, SPACE),
          account.get(JAVA_LONG, FILES));
    } catch (KernelException e) {
      if (e.errno().equals(Errno.ENOENT)) {
        return Account.NEW; // XFS has no record of it yet
      }
      throw e;
    }
  }

  static void limit(Descriptor directory, int id, WorkspaceLimit limit) throws KernelException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment account = arena.allocate(RECORD_SIZE, Long.BYTES);
      account.set(JAVA_LONG, HARD_BLOCKS, limit.bytes() / BLOCK);
      account.set(JAVA_LONG, SOFT_BLOCKS, 0);
      account.set(JAVA_LONG, HARD_FILES, limit.files());
      account.set(JAVA_LONG, SOFT_FILES, 0);
      account.set(JAVA_INT, VALID, LIMITS_ARE_VALID);
      quotactl(directory, SET_RECORD, id, account);
    }
  }

  private static void quotactl(Descriptor directory, long command, int id, MemorySegment argument)
      throws KernelException {
    long _ =
        Kernel.call(
            QUOTACTL_FD,
            "quotactl_fd",
            directory.about(),
            directory.number(),
            command,
            id,
            argument.address(),
            0);
  }
}
