/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import io.zcbot.sandbox.worker.base.HostShortage;
import java.io.IOException;
import java.util.Set;

/** A failed system call. The message names the call, its object, and the meaning of the error. */
final class KernelException extends IOException implements HostShortage {
  private static final long serialVersionUID = 1L;

  private static final Set<Errno> SHORTAGES =
      Set.of(Errno.EAGAIN, Errno.ENOMEM, Errno.ENFILE, Errno.EMFILE, Errno.ENOSPC);

  private final int errno;

  KernelException(String call, String about, Errno errno) {
    super(call + " of " + about + " failed: " + errno.shown());
    this.errno = errno.number();
  }

  Errno errno() {
    return new Errno(errno);
  }

  @Override
  public boolean isShortage() {
    return SHORTAGES.contains(errno());
  }
}
