/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.function.LongConsumer;

/**
 * Content that is copied, which counts what was read. If its size is known, it fails if there is
 * more or less.
 */
final class CountedInput extends FilterInputStream {
  private final long size;
  private final LongConsumer progress;
  private long count;

  /**
   * Creates a stream.
   *
   * @param size how many bytes are expected; negative if that is not known
   * @param progress called with the number of bytes that were read so far
   */
  CountedInput(InputStream from, long size, LongConsumer progress) {
    super(from);
    this.size = size;
    this.progress = progress;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] to, int at, int length) throws IOException {
    int got = in.read(to, at, length);
    count += Math.max(0, got);
    if (size >= 0 && (count > size || (got < 0 && count < size))) {
      throw new IOException("it changed while it was copied");
    }
    progress.accept(count);
    return got;
  }
}
