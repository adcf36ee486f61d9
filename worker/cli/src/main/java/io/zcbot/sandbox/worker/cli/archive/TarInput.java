/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli.archive;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An archive in the format that GNU tar calls {@code gnu}, made while it is read. Not thread-safe.
 */
public final class TarInput extends InputStream {
  private static final int FILE_MODE = 0644;
  private static final int EXECUTABLE_MODE = 0755;
  private static final long BIGGEST = (1L << 33) - 1;

  private final Iterator<Entry> entries;
  private InputStream header = InputStream.nullInputStream();
  private boolean isEnded;

  /** The file that is read, and how much of it and of the last block's filling is left. */
  private @Nullable InputStream content;

  private String name = "";
  private long left;
  private int padding;

  /** Creates an archive. Files are opened one after the other. */
  public TarInput(List<Entry> entries) {
    this.entries = entries.iterator();
  }

  /** A file or directory of an archive. */
  public static final class Entry {
    private final String name;
    private final @Nullable Path file;

    private Entry(String name, @Nullable Path file) {
      this.name = name;
      this.file = file;
    }
  }

  public static Entry directory(String name) {
    return new Entry(name + "/", null);
  }

  /** A file with the content that it has when it is read. */
  public static Entry file(String name, Path file) {
    return new Entry(name, file);
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] to, int at, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    while (true) {
      int count = header.read(to, at, length);
      if (count > 0) {
        return count;
      }
      if (left > 0) {
        return readContent(to, at, length);
      }
      close();
      if (padding > 0) {
        header = new ByteArrayInputStream(new byte[padding]);
        padding = 0;
      } else if (entries.hasNext()) {
        begin(entries.next());
      } else if (isEnded) {
        return -1;
      } else {
        isEnded = true;
        header = new ByteArrayInputStream(new byte[2 * TarFormat.BLOCK]);
      }
    }
  }

  private int readContent(byte[] to, int at, int length) throws IOException {
    int count = content == null ? -1 : content.read(to, at, (int) Math.min(left, length));
    if (count < 0) {
      throw new IOException(name + " became shorter while it was read");
    }
    left -= count;
    return count;
  }

  private void begin(Entry entry) throws IOException {
    name = entry.name;
    if (entry.file == null) {
      header = header(name, TarFormat.DIRECTORY, EXECUTABLE_MODE, 0);
      return;
    }
    content = Files.newInputStream(entry.file);
    left = Files.size(entry.file);
    padding = TarFormat.padding(left);
    int mode = Files.isExecutable(entry.file) ? EXECUTABLE_MODE : FILE_MODE;
    header = header(name, TarFormat.FILE, mode, left);
  }

  /** Closes the file that is read. */
  @Override
  public void close() throws IOException {
    if (content != null) {
      content.close();
      content = null;
    }
  }

  private static InputStream header(String name, char type, int mode, long size)
      throws IOException {
    byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
    if (bytes.length >= TarFormat.LONGEST_NAME || size > BIGGEST) {
      throw new IOException(name + " is too long");
    }
    ByteArrayOutputStream blocks = new ByteArrayOutputStream();
    if (bytes.length > TarFormat.NAME_LENGTH) {
      byte[] entry = TarFormat.LONG_NAME_ENTRY.getBytes(StandardCharsets.US_ASCII);
      blocks.writeBytes(block(entry, TarFormat.LONG_NAME, FILE_MODE, bytes.length + 1L));
      blocks.writeBytes(bytes);
      blocks.write(0);
      blocks.writeBytes(new byte[TarFormat.padding(bytes.length + 1L)]);
    }
    blocks.writeBytes(block(bytes, type, mode, size));
    return new ByteArrayInputStream(blocks.toByteArray());
  }

  private static byte[] block(byte[] name, char type, int mode, long size) {
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
    return header;
  }

  /** Writes a number as octal digits, before a NUL that is there already. */
  private static void number(byte[] header, int at, int length, long value) {
    text(header, at, String.format("%0" + (length - 1) + "o", value));
  }

  private static void text(byte[] header, int at, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(bytes, 0, header, at, bytes.length);
  }
}
