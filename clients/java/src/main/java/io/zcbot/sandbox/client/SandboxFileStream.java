/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;

/** Reads a file of a sandbox piece by piece, until one is not full. */
final class SandboxFileStream extends InputStream {
  /** Reads a piece of a file. */
  interface Pieces {
    byte[] from(long position) throws InterruptedException;
  }

  private final Pieces pieces;
  private byte[] piece = {};
  private int at;
  private long fetched;
  private boolean isLast;

  SandboxFileStream(Pieces pieces) {
    this.pieces = pieces;
  }

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
    if (at == piece.length) {
      if (isLast) {
        return -1;
      }
      fetch();
      if (piece.length == 0) {
        return -1;
      }
    }
    int count = Math.min(length, piece.length - at);
    System.arraycopy(piece, at, to, from, count);
    at += count;
    return count;
  }

  private void fetch() throws IOException {
    try {
      piece = pieces.from(fetched);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    } catch (SandboxException e) {
      throw new IOException(e.getMessage(), e);
    }
    at = 0;
    fetched += piece.length;
    isLast = piece.length < SandboxFiles.PIECE;
  }
}
