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
import java.util.Set;

/**
 * Parses a sandbox's list of a directory: kind, size, time and name of each entry, each ended by a
 * NUL. The sandbox may have written anything, so nothing is kept of it but valid entries, and no
 * more of them than a bound.
 */
final class Listing {
  static final int MOST_ENTRIES = 100_000;

  private final String path;
  private final byte[] said;
  private int at;

  private Listing(String path, byte[] said) {
    this.path = path;
    this.said = said;
  }

  static List<FileEntry> parse(String path, byte[] said) {
    Listing listing = new Listing(path, said);
    List<FileEntry> entries = new ArrayList<>();
    while (listing.at < said.length) {
      if (entries.size() == MOST_ENTRIES) {
        throw tooLong(path);
      }
      entries.add(listing.entry());
    }
    return entries;
  }

  static SandboxFileException tooLong(String path) {
    return new SandboxFileException(
        path,
        "the directory has too many entries to list them all; at most "
            + MOST_ENTRIES
            + " are listed, in 16 MiB; run a command that lists some of them");
  }

  private FileEntry entry() {
    String kind = ascii(field());
    String size = ascii(field());
    String time = ascii(field());
    byte[] bytes = field();
    String name = new String(bytes, StandardCharsets.UTF_8);
    if (Set.of("", ".", "..").contains(name) || name.indexOf('/') >= 0) {
      throw nonsense();
    }
    try {
      return new FileEntry(
          name,
          switch (kind) {
            case "f" -> FileEntry.Kind.FILE;
            case "d" -> FileEntry.Kind.DIRECTORY;
            case "l" -> FileEntry.Kind.SYMBOLIC_LINK;
            default -> FileEntry.Kind.OTHER;
          },
          size(size),
          time(time),
          Arrays.equals(bytes, name.getBytes(StandardCharsets.UTF_8)));
    } catch (ArithmeticException | IllegalArgumentException e) {
      throw nonsense();
    }
  }

  private static long size(String bytes) {
    long size = Long.parseLong(bytes);
    if (size < 0) {
      throw new IllegalArgumentException(bytes);
    }
    return size;
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

  /** Returns what comes before the next NUL. */
  private byte[] field() {
    int from = at;
    while (at < said.length) {
      if (said[at++] == 0) {
        return Arrays.copyOfRange(said, from, at - 1);
      }
    }
    throw nonsense();
  }

  private SandboxFileException nonsense() {
    return new SandboxFileException(path, "the sandbox's list of its files makes no sense");
  }
}
