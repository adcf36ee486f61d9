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
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;

/**
 * System calls for projects: numbers on files and directories by which a file system counts and
 * limits space and files. See ioctl_xfs_fsgetxattr(2) and quotactl(2); XFS and ext4 behave alike.
 * Calls by an open directory require Linux 5.14.
 */
final class Projects {
  private static final long GET_ATTRIBUTES = 0x801c581fL;
  private static final long SET_ATTRIBUTES = 0x401c5820L;
  private static final int INHERIT = 0x200;

  /** The structure {@code fsxattr} of ioctl_xfs_fsgetxattr(2). */
  static final StructLayout FSXATTR =
      MemoryLayout.structLayout(
          JAVA_INT.withName("fsx_xflags"),
          JAVA_INT.withName("fsx_extsize"),
          JAVA_INT.withName("fsx_nextents"),
          JAVA_INT.withName("fsx_projid"),
          JAVA_INT.withName("fsx_cowextsize"),
          MemoryLayout.paddingLayout(8));

  private static final long FLAGS = offset(FSXATTR, "fsx_xflags");
  private static final long PROJECT = offset(FSXATTR, "fsx_projid");

  /** The structure {@code dqblk} of quotactl(2). Its blocks are 1 KiB on every file system. */
  static final StructLayout DQBLK =
      MemoryLayout.structLayout(
          JAVA_LONG.withName("dqb_bhardlimit"),
          JAVA_LONG.withName("dqb_bsoftlimit"),
          JAVA_LONG.withName("dqb_curspace"),
          JAVA_LONG.withName("dqb_ihardlimit"),
          JAVA_LONG.withName("dqb_isoftlimit"),
          JAVA_LONG.withName("dqb_curinodes"),
          JAVA_LONG.withName("dqb_btime"),
          JAVA_LONG.withName("dqb_itime"),
          JAVA_INT.withName("dqb_valid"),
          MemoryLayout.paddingLayout(4));

  private static final long HARD_BLOCKS = offset(DQBLK, "dqb_bhardlimit");
  private static final long SOFT_BLOCKS = offset(DQBLK, "dqb_bsoftlimit");
  private static final long SPACE = offset(DQBLK, "dqb_curspace");
  private static final long HARD_FILES = offset(DQBLK, "dqb_ihardlimit");
  private static final long SOFT_FILES = offset(DQBLK, "dqb_isoftlimit");
  private static final long FILES = offset(DQBLK, "dqb_curinodes");
  private static final long VALID = offset(DQBLK, "dqb_valid");
  private static final int LIMITS_ARE_VALID = 1 | 4;
  private static final long BLOCK = 1024;

  /** The beginning of {@code struct fs_quota_statv}, version 1, and room for the rest. */
  static final StructLayout STATV =
      MemoryLayout.structLayout(
          JAVA_BYTE.withName("qs_version"),
          MemoryLayout.paddingLayout(1),
          JAVA_SHORT.withName("qs_flags"),
          MemoryLayout.paddingLayout(252));

  private static final long STATE_VERSION = offset(STATV, "qs_version");
  private static final long STATE_FLAGS = offset(STATV, "qs_flags");
  private static final int COUNTS = 1 << 4;
  private static final int ENFORCES = 1 << 5;

  private static final long QUOTACTL_FD = 443;
  private static final long GET_RECORD = command(0x800007);
  private static final long SET_RECORD = command(0x800008);
  private static final long GET_STATE = command(0x5808);

  private Projects() {}

  private static long offset(StructLayout struct, String field) {
    return struct.byteOffset(MemoryLayout.PathElement.groupElement(field));
  }

  private static long command(long of) {
    int project = 2;
    return of << 8 | project;
  }

  /**
   * A directory's project.
   *
   * @param id 0 if it has none
   * @param inherits whether what is created in it gets the same id
   */
  record Mark(int id, boolean inherits) {}

  static Mark mark(Descriptor directory) throws KernelException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment attributes = attributes(directory, arena);
      return new Mark(
          attributes.get(JAVA_INT, PROJECT), (attributes.get(JAVA_INT, FLAGS) & INHERIT) != 0);
    }
  }

  /** Gives a directory a project id that whatever is created in it later inherits. */
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
    MemorySegment attributes = arena.allocate(FSXATTR);
    Kernel.ioctl(directory, GET_ATTRIBUTES, "FS_IOC_FSGETXATTR", attributes);
    return attributes;
  }

  /** How the file system of a directory supports projects. No rights are needed to ask. */
  enum State {
    UNCOUNTED,
    COUNTED,
    LIMITED
  }

  static State state(Descriptor directory) throws KernelException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(STATV);
      state.set(JAVA_BYTE, STATE_VERSION, (byte) 1);
      quotactl(directory, GET_STATE, 0, state);
      int flags = state.get(JAVA_SHORT, STATE_FLAGS);
      return (flags & COUNTS) == 0
          ? State.UNCOUNTED
          : (flags & ENFORCES) == 0 ? State.COUNTED : State.LIMITED;
    }
  }

  /**
   * Limits and usage of a project; a project without files has neither space nor files.
   *
   * @param limit its numbers are 0 if there is no limit
   * @param bytes space in use
   * @param files files and directories in use
   */
  record Account(WorkspaceLimit limit, long bytes, long files) {
    static final Account NEW = new Account(new WorkspaceLimit(0, 0), 0, 0);

    boolean isUnused() {
      return bytes == 0 && files == 0;
    }
  }

  static Account account(Descriptor directory, int id) throws KernelException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment account = arena.allocate(DQBLK);
      quotactl(directory, GET_RECORD, id, account);
      return new Account(
          new WorkspaceLimit(
              account.get(JAVA_LONG, HARD_BLOCKS) * BLOCK, account.get(JAVA_LONG, HARD_FILES)),
          account.get(JAVA_LONG, SPACE),
          account.get(JAVA_LONG, FILES));
    } catch (KernelException e) {
      if (e.errno().equals(Errno.ENOENT)) {
        return Account.NEW; // XFS has no record of this project yet
      }
      throw e;
    }
  }

  /** Sets the hard limits of a project and removes its soft limits. */
  static void limit(Descriptor directory, int id, WorkspaceLimit limit) throws KernelException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment account = arena.allocate(DQBLK);
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
