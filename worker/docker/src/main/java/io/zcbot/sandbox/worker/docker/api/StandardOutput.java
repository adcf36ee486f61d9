/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/**
 * Extracts the standard output from a multiplexed stream of the engine. The stream consists of
 * frames: an eight-byte header (stream number, three zeros, length) and a piece of output. Standard
 * error is skipped, up to a bound: the programs that are read this way hardly write any, and who
 * floods it would otherwise keep the reader and the engine busy. Not thread-safe.
 */
public final class StandardOutput extends InputStream {
  private static final int STDOUT = 1;
  private static final int STDERR = 2;
  private static final int HEADER = 8;
  private static final int MAX_SHOWN = 200;

  /** The most bytes of standard error in a whole stream. */
  static final int MAX_STDERR = 64 << 10;

  private final InputStream engine;
  private long left;
  private long skipped;

  /** Reads from a stream of the engine, which the caller closes. */
  public StandardOutput(InputStream engine) {
    this.engine = engine;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] into, int offset, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    while (left == 0) {
      if (!nextFrame()) {
        return -1;
      }
    }
    int read = engine.read(into, offset, (int) Math.min(length, left));
    if (read < 0) {
      throw new EOFException("the engine's stream ended within a frame");
    }
    left -= read;
    return read;
  }

  /** Reads the next header; returns false at the end of the stream. */
  private boolean nextFrame() throws IOException {
    byte[] header = engine.readNBytes(HEADER);
    if (header.length == 0) {
      return false;
    }
    if (header[0] < 0 || header[0] > STDERR) {
      throw new NonsenseException("the engine's stream says: " + shown(header));
    }
    if (header.length < HEADER) {
      throw new EOFException("the engine's stream ended within a frame");
    }
    long length =
        (header[4] & 0xffL) << 24
            | (header[5] & 0xffL) << 16
            | (header[6] & 0xffL) << 8
            | (header[7] & 0xffL);
    if (header[0] == STDOUT) {
      left = length;
    } else {
      skipError(length);
    }
    return true;
  }

  private void skipError(long length) throws IOException {
    skipped += length;
    if (skipped > MAX_STDERR) {
      throw new NonsenseException("too much standard error");
    }
    engine.skipNBytes(length);
  }

  /**
   * Returns the beginning of the stream as text. An engine that can't start a command writes the
   * reason into the stream without a frame.
   */
  private String shown(byte[] begin) throws IOException {
    byte[] more = engine.readNBytes(MAX_SHOWN - begin.length);
    return EngineErrors.clean(
        new String(begin, StandardCharsets.UTF_8) + new String(more, StandardCharsets.UTF_8));
  }
}
