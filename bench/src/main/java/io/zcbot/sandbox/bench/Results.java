/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The file with what was measured. Each measurement has a part of its own, between two comments, so
 * that it can be made anew without the others, and one that fails takes none with it.
 */
final class Results {
  private static final Pattern PART =
      Pattern.compile("<!-- ([a-z-]+) -->\n(.*?)<!-- /\\1 -->\n", Pattern.DOTALL);

  private final Path file;
  private final Collection<String> order;
  private final Map<String, String> parts = new HashMap<>();

  /**
   * Nothing measured yet.
   *
   * @param order the names of all measurements, as they are to stand in the file
   */
  Results(Path file, Collection<String> order) {
    this.file = file;
    this.order = order;
  }

  /** Keeps what the file has of measurements. */
  void readKept() throws IOException {
    if (Files.exists(file)) {
      Matcher part = PART.matcher(Files.readString(file));
      while (part.find()) {
        parts.put(part.group(1), part.group(2));
      }
    }
  }

  /** Writes the file with a new part in it. */
  void write(String head, String name, String part) throws IOException {
    parts.put(name, part);
    StringBuilder text = new StringBuilder(head);
    for (String each : order) {
      String kept = parts.get(each);
      if (kept != null) {
        text.append("\n<!-- %s -->\n%s<!-- /%s -->\n".formatted(each, kept, each));
      }
    }
    Files.writeString(file, text);
  }
}
