/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli.archive;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;

/** Writes archives in the format that GNU tar calls {@code gnu}. Not thread-safe. */
public final class TarWriter {
  private static final int FILE_MODE = 0644;
  private static final int EXECUTABLE_MODE = 0755;
  private static final long BIGGEST = (1L << 33) - 1;

  private final OutputStream to;

  /** Creates a writer to a stream, which the caller closes. */
  public TarWriter(OutputStream to) {
    this.to = to;
  }

  public void directory(String name) throws IOException {
    header(name + "/", TarFormat.DIRECTORY, EXECUTABLE_MODE, 0);
  }

  /**
   * Adds a file.
   *
   * @param size number of bytes of the content
   * @throws IOException also if the content is shorter
   */
  public void file(String name, long size, boolean isExecutable, InputStream content)
      throws IOException {
    header(name, TarFormat.FILE, isExecutable ? EXECUTABLE_MODE : FILE_MODE, size);
    byte[] buffer = new byte[1 << 16];
    long left = size;
    while (left > 0) {
      int count = content.read(buffer, 0, (int) Math.min(left, buffer.length));
      if (count < 0) {
        throw new IOException(name + " became shorter while it was read");
      }
      to.write(buffer, 0, count);
      left -= count;
    }
    pad(size);
  }

  /** Writes the end of the archive and flushes the stream. */
  public void end() throws IOException {
    to.write(new byte[2 * TarFormat.BLOCK]);
    to.flush();
  }

  private void header(String name, char type, int mode, long size) throws IOException {
    byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
    if (bytes.length >= TarFormat.LONGEST_NAME || size > BIGGEST) {
      throw new IOException(name + " is too long");
    }
    if (bytes.length > TarFormat.NAME_LENGTH) {
      byte[] entry = TarFormat.LONG_NAME_ENTRY.getBytes(StandardCharsets.US_ASCII);
      block(entry, TarFormat.LONG_NAME, FILE_MODE, bytes.length + 1L);
      to.write(bytes);
      to.write(0);
      pad(bytes.length + 1L);
    }
    block(bytes, type, mode, size);
  }

  private void block(byte[] name, char type, int mode, long size) throws IOException {
    byte[] header = new byte[TarFormat.BLOCK];
    System.arraycopy(name, 0, header, TarFormat.NAME, Math.min(name.length, TarFormat.NAME_LENGTH));
    number(header, TarFormat.MODE, TarFormat.NUMBER_LENGTH, mode);
    number(header, TarFormat.OWNER, TarFormat.NUMBER_LENGTH, 0);
    number(header, TarFormat.GROUP, TarFormat.NUMBER_LENGTH, 0);
    number(header, TarFormat.SIZE, TarFormat.LONG_NUMBER_LENGTH, size);
    number(header, TarFormat.TIME, TarFormat.LONG_NUMBER_LENGTH, Instant.now().getEpochSecond());
    header[TarFormat.TYPE] = (byte) type;
    text(header, TarFormat.MAGIC, TarFormat.MAGIC_TEXT);
    number(header, TarFormat.CHECKSUM, TarFormat.CHECKSUM_LENGTH, TarFormat.checksum(header));
    to.write(header);
  }

  /** Writes a number as octal digits, before a NUL that is there already. */
  private static void number(byte[] header, int at, int length, long value) {
    text(header, at, String.format("%0" + (length - 1) + "o", value));
  }

  private static void text(byte[] header, int at, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(bytes, 0, header, at, bytes.length);
  }

  private void pad(long size) throws IOException {
    to.write(new byte[TarFormat.padding(size)]);
  }
}
