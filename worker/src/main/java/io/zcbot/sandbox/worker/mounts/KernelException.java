/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import java.io.IOException;

/**
 * A system call that failed. The message names the call, its object, and the meaning of the error.
 */
final class KernelException extends IOException {
  private static final long serialVersionUID = 1L;

  private final int errno;

  KernelException(String call, String about, Errno errno) {
    super(call + " of " + about + " failed: " + errno.shown());
    this.errno = errno.number();
  }

  Errno errno() {
    return new Errno(errno);
  }
}
