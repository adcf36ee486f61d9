/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import io.zcbot.sandbox.worker.spec.SandboxUids;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The users and groups of this host, and the ranges of ids delegated to some of them. */
final class HostUsers {
  private HostUsers() {}

  /**
   * Returns who has an id of a range already; null if nobody has according to this host's files.
   */
  static @Nullable String within(SandboxUids range) throws IOException {
    for (String file : List.of("passwd", "group", "subuid", "subgid")) {
      String conflict = within(range, file, read(Path.of("/etc", file)));
      if (conflict != null) {
        return conflict;
      }
    }
    return null;
  }

  private static List<String> read(Path file) throws IOException {
    return Files.exists(file) ? Files.readAllLines(file, StandardCharsets.ISO_8859_1) : List.of();
  }

  /**
   * Searches the lines of one file: {@code name:x:1000:…} in passwd and group, {@code
   * name:100000:65536} in subuid and subgid.
   */
  static @Nullable String within(SandboxUids range, String file, List<String> lines) {
    boolean isRange = file.startsWith("sub");
    for (String line : lines) {
      String[] fields = line.split(":", -1);
      if (fields.length < 3) {
        continue;
      }
      try {
        long first = Long.parseLong(fields[isRange ? 1 : 2]);
        long count = isRange ? Long.parseLong(fields[2]) : 1;
        if (first <= range.last() && range.first() < first + count) {
          return "/etc/"
              + file
              + " gives "
              + first
              + (isRange ? " and on" : "")
              + " to "
              + fields[0];
        }
      } catch (NumberFormatException _) {
        // not a valid line
      }
    }
    return null;
  }
}
