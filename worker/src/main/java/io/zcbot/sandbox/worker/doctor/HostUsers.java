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

/** The users and groups of this host, and the ranges that it gave to some of them. */
final class HostUsers {
  private HostUsers() {}

  /** Who has a number of a range already; null for nobody that this host's files name. */
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

  /** {@code name:x:1000:…} of users and groups, {@code name:100000:65536} of ranges. */
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
        // Neither a user nor a range.
      }
    }
    return null;
  }
}
