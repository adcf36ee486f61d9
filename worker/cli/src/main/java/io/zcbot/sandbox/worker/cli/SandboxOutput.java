/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.util.Arrays;
import java.util.function.LongConsumer;

/**
 * Writes a file of a sandbox piece by piece; each piece is written before the next one is sent.
 * Call {@link #end} rather than close.
 */
final class SandboxOutput extends OutputStream {
  private final SandboxFiles files;
  private final SandboxFiles.Begun file;
  private final LongConsumer progress;
  private final byte[] piece = new byte[SandboxFiles.PIECE];
  private int filled;
  private long sent;

  /**
   * Creates a stream at the file's beginning.
   *
   * @param progress called with the number of bytes that were written so far
   */
  SandboxOutput(SandboxFiles files, SandboxFiles.Begun file, LongConsumer progress) {
    this.files = files;
    this.file = file;
    this.progress = progress;
  }

  @Override
  public void write(int value) throws IOException {
    write(new byte[] {(byte) value}, 0, 1);
  }

  @Override
  public void write(byte[] from, int at, int length) throws IOException {
    int taken = 0;
    while (taken < length) {
      int count = Math.min(length - taken, piece.length - filled);
      System.arraycopy(from, at + taken, piece, filled, count);
      taken += count;
      filled += count;
      if (filled == piece.length) {
        send();
      }
    }
  }

  /** Writes the last piece, and returns the number of all bytes. */
  long end() throws IOException {
    if (filled > 0) {
      send();
    }
    return sent;
  }

  private void send() throws IOException {
    try {
      files.write(file, sent, Arrays.copyOf(piece, filled));
    } catch (CommandException e) {
      throw new SandboxIoException(e);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    }
    sent += filled;
    filled = 0;
    progress.accept(sent);
  }
}
