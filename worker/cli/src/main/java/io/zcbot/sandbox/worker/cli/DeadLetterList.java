/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;

/**
 * Collects the dead letters to list, oldest first. Keeps only what is printed of each, because
 * records may be large, and only the newest {@link #MOST}.
 */
final class DeadLetterList {
  static final int MOST = 20_000;
  private static final int KEY_BYTES = 36;
  private static final int REASON_BYTES = 400;

  private record Row(Instant at, List<String> cells) {}

  private final PriorityQueue<Row> rows = new PriorityQueue<>(Comparator.comparing(Row::at));
  private long omitted;

  void add(DeadLetter letter) {
    rows.add(
        new Row(
            letter.at(),
            List.of(
                letter.id(),
                letter.at().toString(),
                EscapedBytes.of(letter.origin().getBytes(StandardCharsets.UTF_8), REASON_BYTES),
                Long.toString(letter.redriven()),
                EscapedBytes.of(letter.record().key(), KEY_BYTES),
                EscapedBytes.of(letter.error().getBytes(StandardCharsets.UTF_8), REASON_BYTES))));
    if (rows.size() > MOST) {
      rows.remove();
      omitted++;
    }
  }

  boolean isEmpty() {
    return rows.isEmpty();
  }

  /** Returns the number of older dead letters that were dropped. */
  long omitted() {
    return omitted;
  }

  /** Returns the table and empties the list. */
  String text() {
    Table table = new Table("ID", "TIME", "ORIGIN", "REDRIVEN", "KEY", "REASON");
    for (Row row = rows.poll(); row != null; row = rows.poll()) {
      table.add(row.cells.toArray(String[]::new));
    }
    return table.text();
  }
}
