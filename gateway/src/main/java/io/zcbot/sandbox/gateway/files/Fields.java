/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.files;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Reads what a program of this package writes: fields, each ended by a NUL. The sandbox may have
 * written anything, so what cannot be is an error, and no field is longer than a bound.
 */
final class Fields {
  /** The longest field: the value of an extended attribute. Paths are shorter. */
  private static final int LONGEST = 64 << 10;

  private static final int MOST_METADATA = 4096;

  private static final Instant FIRST = Instant.parse("0001-01-01T00:00:00Z");
  private static final Instant LAST = Instant.parse("9999-12-31T23:59:59.999999999Z");

  private final InputStream from;

  /** Begins to read a stream, which is buffered. */
  Fields(InputStream from) {
    this.from = from;
  }

  /**
   * Returns the next field, in which malformed UTF-8 is replaced; null at the end.
   *
   * @throws EOFException if the stream ends within a field
   */
  @Nullable String next() throws IOException {
    int first = from.read();
    if (first < 0) {
      return null;
    }
    ByteArrayOutputStream field = new ByteArrayOutputStream();
    for (int value = first; value != 0; value = from.read()) {
      if (value < 0) {
        throw new EOFException("the output of the sandbox ends within a field");
      }
      if (field.size() == LONGEST) {
        throw SandboxFileSystemException.nonsense();
      }
      field.write(value);
    }
    return field.toString(StandardCharsets.UTF_8);
  }

  String text() throws IOException {
    String text = next();
    if (text == null) {
      throw new EOFException("the output of the sandbox ends before a field");
    }
    return text;
  }

  long number(long least, long most) throws IOException {
    try {
      long number = Long.parseLong(text());
      if (number >= least && number <= most) {
        return number;
      }
    } catch (NumberFormatException e) {
      // as if it were out of range
    }
    throw SandboxFileSystemException.nonsense();
  }

  /** Reads what {@code entry} in {@code common.py} writes of a file in or below a directory. */
  FileInfo info(String directory) throws IOException {
    String below = text();
    if (!below.isEmpty()) {
      requireBelow(below);
    }
    String path = below.isEmpty() || below.equals(".") ? directory : under(directory, below);
    int mode = (int) number(0, 0xffff);
    int ownMode = (int) number(0, 0xffff);
    long size = number(0, Long.MAX_VALUE);
    String owner = text();
    String group = text();
    Instant modified = instant(number(Long.MIN_VALUE, Long.MAX_VALUE), number(0, 999_999_999));
    String target = text();
    return new FileInfo(
        path.substring(path.length() == 1 ? 0 : path.lastIndexOf('/') + 1),
        Modes.type(mode),
        path,
        size,
        mode & 0777,
        Modes.permissions(ownMode),
        owner,
        group,
        modified,
        target.isEmpty() ? null : target,
        metadata());
  }

  private Map<String, String> metadata() throws IOException {
    Map<String, String> metadata = new HashMap<>();
    for (long left = number(0, MOST_METADATA); left > 0; left--) {
      metadata.put(text(), text());
    }
    return metadata;
  }

  /** Reads an event of a watch of a directory; returns null at the end. */
  @Nullable FileEvent event(String directory) throws IOException {
    String type = next();
    if (type == null) {
      return null;
    }
    String name = text();
    requireBelow(name);
    boolean hasEntry = number(0, 1) == 1;
    try {
      return new FileEvent(FileEvent.Type.valueOf(type), name, hasEntry ? info(directory) : null);
    } catch (IllegalArgumentException e) {
      throw SandboxFileSystemException.nonsense();
    }
  }

  /** Requires a path that leads to no other directory. */
  private static void requireBelow(String path) {
    if (path.equals(".")) {
      return;
    }
    for (String part : path.split("/", -1)) {
      if (Set.of("", ".", "..").contains(part)) {
        throw SandboxFileSystemException.nonsense();
      }
    }
  }

  private static String under(String directory, String path) {
    return directory.endsWith("/") ? directory + path : directory + "/" + path;
  }

  /** Returns a time that E2B's format can express; file systems have more. */
  private static Instant instant(long seconds, long nanos) {
    try {
      Instant time = Instant.ofEpochSecond(seconds, nanos);
      return time.isBefore(FIRST) ? FIRST : time.isAfter(LAST) ? LAST : time;
    } catch (DateTimeException | ArithmeticException e) {
      return seconds < 0 ? FIRST : LAST;
    }
  }
}
