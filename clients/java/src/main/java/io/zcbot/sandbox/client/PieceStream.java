/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import org.jspecify.annotations.Nullable;

/** An input stream whose content comes in pieces. For one thread at a time. */
abstract class PieceStream extends InputStream {
  private byte[] piece = {};
  private int at;

  /** Returns the next bytes, which may be empty; null at the end, and in all calls after that. */
  abstract byte @Nullable [] next() throws IOException, InterruptedException;

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] to, int from, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    while (at == piece.length) {
      byte[] next = fetched();
      if (next == null) {
        return -1;
      }
      piece = next;
      at = 0;
    }
    int count = Math.min(length, piece.length - at);
    System.arraycopy(piece, at, to, from, count);
    at += count;
    return count;
  }

  private byte @Nullable [] fetched() throws IOException {
    try {
      return next();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    } catch (SandboxException e) {
      throw new IOException(e.getMessage(), e);
    }
  }
}
