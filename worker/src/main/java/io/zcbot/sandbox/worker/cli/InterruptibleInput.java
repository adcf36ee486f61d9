/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

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
    CompletableFuture<Integer> count = new CompletableFuture<>();
    var _ =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    count.complete(from.read(to, at, length));
                  } catch (IOException | RuntimeException e) {
                    count.completeExceptionally(e);
                  }
                });
    try {
      return count.get();
    } catch (ExecutionException e) {
      throw e.getCause() instanceof IOException cause ? cause : new IOException(e);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    }
  }
}
