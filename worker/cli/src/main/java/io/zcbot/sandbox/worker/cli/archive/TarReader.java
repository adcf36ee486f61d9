/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli.archive;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads archives that hostile code may have packed. Supports files, directories and long names as
 * GNU tar writes them with {@code --format=gnu}; other forms of archives are refused. Takes a few
 * KiB of memory for any archive. Not thread-safe.
 */
public final class TarReader {
  private final InputStream from;
  private long left;
  private int padding;

  public TarReader(InputStream from) {
    this.from = from;
  }

  /**
   * An entry of the archive.
   *
   * @param path the names relative to the place where the archive is unpacked; none is empty,
   *     {@code .} or {@code ..} or contains a slash; an empty list is the place itself
   * @param size of the content, in bytes
   */
  public record Entry(Kind kind, List<String> path, long size, boolean isExecutable) {
    public Entry {
      path = List.copyOf(path);
    }
  }

  /** The type of an entry. */
  public enum Kind {
    FILE,
    DIRECTORY,
    /** A link, a device or a pipe, none of which is copied. */
    OTHER
  }

  /**
   * Skips what is left of the current entry and reads the next one; null at the end.
   *
   * @throws IOException if the archive is damaged, or an entry leads out of the place where it is
   *     unpacked
   */
  public @Nullable Entry next() throws IOException {
    skip();
    String longName = null;
    while (true) {
      byte[] header = from.readNBytes(TarFormat.BLOCK);
      if (header.length == 0 || isZero(header)) {
        return null;
      }
      if (header.length < TarFormat.BLOCK) {
        throw new EOFException("the archive ends within an entry");
      }
      if (number(header, TarFormat.CHECKSUM, TarFormat.CHECKSUM_LENGTH)
          != TarFormat.checksum(header)) {
        throw new IOException("the archive is damaged");
      }
      left = number(header, TarFormat.SIZE, TarFormat.LONG_NUMBER_LENGTH);
      padding = TarFormat.padding(left);
      char type = (char) (header[TarFormat.TYPE] & 0xff);
      switch (type) {
        case TarFormat.LONG_NAME -> longName = longName();
        case 'K' -> skip(); // the long target of the link that follows
        case TarFormat.FILE, TarFormat.OLD_FILE, TarFormat.DIRECTORY, '1', '2', '3', '4', '6' -> {
          String name =
              longName != null ? longName : text(header, TarFormat.NAME, TarFormat.NAME_LENGTH);
          long mode = number(header, TarFormat.MODE, TarFormat.NUMBER_LENGTH);
          return new Entry(kind(type), path(name), left, (mode & 0100) != 0);
        }
        default ->
            throw new IOException(
                String.format("the archive has an entry of the unknown type %#04x", (int) type));
      }
    }
  }

  /** Copies the content of the current entry. */
  public void copyTo(OutputStream to) throws IOException {
    byte[] buffer = new byte[1 << 16];
    while (left > 0) {
      int count = from.read(buffer, 0, (int) Math.min(left, buffer.length));
      if (count < 0) {
        throw new EOFException("the archive ends within a file");
      }
      to.write(buffer, 0, count);
      left -= count;
    }
  }

  private void skip() throws IOException {
    copyTo(OutputStream.nullOutputStream());
    if (from.readNBytes(padding).length < padding) {
      throw new EOFException("the archive ends within an entry");
    }
    padding = 0;
  }

  private String longName() throws IOException {
    if (left > TarFormat.LONGEST_NAME) {
      throw new IOException("the archive has a name of " + left + " bytes");
    }
    byte[] name = from.readNBytes((int) left);
    left -= name.length;
    skip();
    return text(name, 0, name.length);
  }

  private static Kind kind(char type) {
    return switch (type) {
      case TarFormat.FILE, TarFormat.OLD_FILE -> Kind.FILE;
      case TarFormat.DIRECTORY -> Kind.DIRECTORY;
      default -> Kind.OTHER;
    };
  }

  private static List<String> path(String name) throws IOException {
    if (name.startsWith("/")) {
      throw new IOException("the archive has an absolute name");
    }
    List<String> path = new ArrayList<>();
    for (String part : name.split("/", -1)) {
      if (part.equals("..")) {
        throw new IOException("the archive has a name that leads out of it");
      }
      if (!part.isEmpty() && !part.equals(".")) {
        path.add(part);
      }
    }
    return path;
  }

  /** Parses text that ends at a NUL or at the end of the field. */
  private static String text(byte[] bytes, int at, int length) throws IOException {
    int end = at;
    while (end < at + length && bytes[end] != 0) {
      end++;
    }
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .decode(ByteBuffer.wrap(bytes, at, end - at))
          .toString();
    } catch (CharacterCodingException e) {
      throw new IOException("the archive has a name that is not UTF-8", e);
    }
  }

  /**
   * Parses an octal number that ends at a NUL or a space. Other encodings are for numbers larger
   * than anything that is copied, and are refused.
   */
  private static long number(byte[] header, int at, int length) throws IOException {
    long value = 0;
    int i = at;
    while (i < at + length && header[i] == ' ') {
      i++;
    }
    for (; i < at + length && header[i] != 0 && header[i] != ' '; i++) {
      int digit = header[i] - '0';
      if (digit < 0 || digit > 7) {
        throw new IOException("the archive has a number that can't be read");
      }
      value = value * 8 + digit;
    }
    return value;
  }

  private static boolean isZero(byte[] header) {
    return Arrays.equals(header, new byte[TarFormat.BLOCK]);
  }
}
