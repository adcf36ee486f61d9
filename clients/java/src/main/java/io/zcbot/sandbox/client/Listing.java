/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Parses a sandbox's list of a directory: kind, size, time and name of each entry, each ended by a
 * NUL.
 */
final class Listing {
  private Listing() {}

  static List<FileEntry> parse(String path, byte[] said) {
    List<byte[]> fields = fields(said);
    if (fields.size() % 4 != 0 || (said.length > 0 && said[said.length - 1] != 0)) {
      throw nonsense(path);
    }
    List<FileEntry> entries = new ArrayList<>();
    for (int i = 0; i < fields.size(); i += 4) {
      entries.add(entry(path, fields.subList(i, i + 4)));
    }
    return entries;
  }

  private static FileEntry entry(String path, List<byte[]> fields) {
    byte[] bytes = fields.get(3);
    String name = new String(bytes, StandardCharsets.UTF_8);
    if (name.isEmpty() || name.indexOf('/') >= 0) {
      throw nonsense(path);
    }
    try {
      return new FileEntry(
          name,
          switch (ascii(fields.get(0))) {
            case "f" -> FileEntry.Kind.FILE;
            case "d" -> FileEntry.Kind.DIRECTORY;
            case "l" -> FileEntry.Kind.SYMBOLIC_LINK;
            default -> FileEntry.Kind.OTHER;
          },
          Long.parseUnsignedLong(ascii(fields.get(1))),
          time(ascii(fields.get(2))),
          Arrays.equals(bytes, name.getBytes(StandardCharsets.UTF_8)));
    } catch (ArithmeticException | IllegalArgumentException e) {
      throw nonsense(path);
    }
  }

  private static Instant time(String seconds) {
    if (seconds.length() > 40 || !seconds.matches("-?[0-9]+(\\.[0-9]+)?")) {
      throw new IllegalArgumentException(seconds);
    }
    long millis = new BigDecimal(seconds).movePointRight(3).toBigInteger().longValueExact();
    return Instant.ofEpochMilli(millis);
  }

  private static String ascii(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  private static List<byte[]> fields(byte[] said) {
    List<byte[]> fields = new ArrayList<>();
    int from = 0;
    for (int i = 0; i < said.length; i++) {
      if (said[i] == 0) {
        fields.add(Arrays.copyOfRange(said, from, i));
        from = i + 1;
      }
    }
    return fields;
  }

  private static SandboxFileException nonsense(String path) {
    return new SandboxFileException(path, "the sandbox's list of its files makes no sense");
  }
}
