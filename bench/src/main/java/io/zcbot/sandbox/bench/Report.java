/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import java.util.List;

/** Markdown, as it grows; shown on standard output at once. */
final class Report {
  private final StringBuilder text = new StringBuilder();

  void title(String title) {
    line("");
    line("## " + title);
    line("");
  }

  void line(String line) {
    text.append(line).append('\n');
    System.out.println(line);
  }

  void table(List<String> head, List<List<String>> rows) {
    line("| " + String.join(" | ", head) + " |");
    line("|" + "---|".repeat(head.size()));
    rows.forEach(row -> line("| " + String.join(" | ", row) + " |"));
    line("");
  }

  void target(String target, boolean met, String measured) {
    line("- Target " + target + ": **" + (met ? "met" : "missed") + "**, " + measured);
  }

  @Override
  public String toString() {
    return text.toString();
  }
}
