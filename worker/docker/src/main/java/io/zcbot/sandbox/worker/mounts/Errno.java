/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

/**
 * An error number of the kernel. The constants are those that the system calls for mounts and
 * quotas return and that the code distinguishes; they have the same numbers on all architectures
 * that the worker supports.
 */
record Errno(int number) {
  static final Errno EPERM = new Errno(1);
  static final Errno ENOENT = new Errno(2);
  static final Errno ESRCH = new Errno(3);
  static final Errno EAGAIN = new Errno(11);
  static final Errno ENOMEM = new Errno(12);
  static final Errno EACCES = new Errno(13);
  static final Errno EBUSY = new Errno(16);
  static final Errno EINVAL = new Errno(22);
  static final Errno ENFILE = new Errno(23);
  static final Errno EMFILE = new Errno(24);
  static final Errno ENOTTY = new Errno(25);
  static final Errno ENOSPC = new Errno(28);
  static final Errno ENOSYS = new Errno(38);
  static final Errno EOPNOTSUPP = new Errno(95);

  /** The symbolic name and what the error means for mounts and quotas, for messages. */
  String shown() {
    return switch (number) {
      case 1 -> "EPERM (not permitted)";
      case 2 -> "ENOENT (does not exist)";
      case 3 -> "ESRCH (no such process or project)";
      case 5 -> "EIO (input/output error)";
      case 9 -> "EBADF (closed)";
      case 11 -> "EAGAIN (not possible just now)";
      case 12 -> "ENOMEM (out of memory)";
      case 13 -> "EACCES (permission denied)";
      case 16 -> "EBUSY (in use)";
      case 18 -> "EXDEV (leads out of the workspace root)";
      case 20 -> "ENOTDIR (not a directory)";
      case 22 -> "EINVAL (not valid, or not mounted)";
      case 23 -> "ENFILE (too many open files on the host)";
      case 24 -> "EMFILE (too many open files)";
      case 25 -> "ENOTTY (not supported by this file system)";
      case 28 -> "ENOSPC (no space, or too many mounts)";
      case 30 -> "EROFS (read-only)";
      case 38 ->
          "ENOSYS (not supported by this kernel, or refused by a seccomp filter, for example that of"
              + " RestrictSUIDSGID in a systemd unit)";
      case 40 -> "ELOOP (is a symbolic link)";
      case 95 -> "EOPNOTSUPP (not supported by this file system)";
      case 107 -> "ENOTCONN (transport endpoint is not connected)";
      case 110 -> "ETIMEDOUT (timed out)";
      case 112 -> "EHOSTDOWN (host is down)";
      case 116 -> "ESTALE (stale file handle)";
      default -> "error number " + number;
    };
  }
}
