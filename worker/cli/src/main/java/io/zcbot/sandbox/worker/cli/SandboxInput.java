/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.util.function.LongConsumer;

/**
 * Reads a file of a sandbox piece by piece, up to the size that was found before. Fails if the
 * file's size has changed. Each piece is a command in the sandbox; reads block for it.
 */
final class SandboxInput extends InputStream {
  private final SandboxFiles files;
  private final SandboxFiles.Found file;
  private final LongConsumer progress;
  private byte[] piece = {};
  private int at;
  private long fetched;

  /**
   * Creates a stream at the file's beginning.
   *
   * @param progress called with the number of bytes that were read so far
   */
  SandboxInput(SandboxFiles files, SandboxFiles.Found file, LongConsumer progress) {
    this.files = files;
    this.file = file;
    this.progress = progress;
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
      if (fetched == file.size()) {
        return -1;
      }
      fetch();
    }
    int count = Math.min(length, piece.length - at);
    System.arraycopy(piece, at, to, from, count);
    at += count;
    return count;
  }

  private void fetch() throws IOException {
    try {
      piece = files.read(file.path(), fetched);
    } catch (CommandException e) {
      throw new SandboxIoException(e);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    }
    at = 0;
    fetched += piece.length;
    boolean isLast = fetched == file.size();
    if (fetched > file.size() || (!isLast && piece.length < SandboxFiles.PIECE)) {
      throw new IOException("it changed while it was copied");
    }
    progress.accept(fetched);
  }
}
