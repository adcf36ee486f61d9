/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.firewall;

import java.io.InputStream;
import java.io.InterruptedIOException;
import java.util.concurrent.CountDownLatch;

/** An input that holds nothing, and ends when it is closed. */
final class OpenInput extends InputStream {
  private final CountDownLatch closed = new CountDownLatch(1);

  @Override
  public int read() throws InterruptedIOException {
    try {
      closed.await();
      return -1;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for the end");
    }
  }

  @Override
  public int read(byte[] buffer, int offset, int length) throws InterruptedIOException {
    return length == 0 ? 0 : read();
  }

  @Override
  public void close() {
    closed.countDown();
  }
}
