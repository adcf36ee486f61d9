/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * Lets an interrupt end the wait for input that nothing else ends, such as that of a terminal. What
 * is read after that is lost.
 */
final class InterruptibleInput extends InputStream {
  private final InputStream from;

  InterruptibleInput(InputStream from) {
    this.from = from;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] to, int at, int length) throws IOException {
    FutureTask<Integer> reading = new FutureTask<>(() -> from.read(to, at, length));
    // Not a virtual one: the read would hold the thread that carries those.
    var _ = Thread.ofPlatform().daemon().name("input").start(reading);
    try {
      return reading.get();
    } catch (ExecutionException e) {
      throw e.getCause() instanceof IOException cause ? cause : new IOException(e);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    }
  }
}
