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
 * Makes reads interruptible that otherwise are not, such as those of a terminal: a background
 * thread reads, and the caller waits for it. After an interrupt, what that thread still reads is
 * lost.
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
    // a platform thread, because a blocking read would pin a virtual thread's carrier
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
