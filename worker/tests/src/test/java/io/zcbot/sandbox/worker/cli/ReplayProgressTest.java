/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedWriter;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ReplayProgressTest {
  private final StringWriter err = new StringWriter();
  private long now = 1_000;

  private ReplayProgress progress(boolean terminal) {
    PrintWriter to = new PrintWriter(err, true);
    return new ReplayProgress(new Console(Map.of(), to, to, terminal), () -> now);
  }

  private void pass(Duration time) {
    now += time.toNanos();
  }

  @Test
  void nothingIsShownOfAShortReplay() {
    ReplayProgress progress = progress(true);
    pass(Duration.ofMillis(1_900));
    progress.at(0.9, 1_000);
    progress.end();
    assertThat(err.toString()).isEmpty();
  }

  @Test
  void aBarOnATerminalAndNoneLeftBehind() {
    ReplayProgress progress = progress(true);
    pass(Duration.ofSeconds(4));
    progress.at(0.5, 1_000_000);
    pass(Duration.ofMillis(100));
    progress.at(0.6, 1_100_000);
    assertThat(err.toString())
        .isEqualTo("\r[###############...............]  50%, 1,000,000 records, 250,000/s");
    progress.end();
    assertThat(err.toString()).endsWith("\r" + " ".repeat(80) + "\r");
  }

  @Test
  void whatIsPrintedMeanwhileTakesThePlaceOfTheBar() {
    PrintWriter out = new PrintWriter(new BufferedWriter(err));
    ReplayProgress progress =
        new ReplayProgress(new Console(Map.of(), out, new PrintWriter(err), true), () -> now);
    pass(Duration.ofSeconds(4));
    progress.at(0.5, 1_000);
    out.print("a row\n");
    pass(Duration.ofMillis(100));
    progress.at(0.5, 1_000);
    assertThat(err.toString()).doesNotContain("a row");
    pass(Duration.ofMillis(100));
    progress.at(0.5, 1_000);
    assertThat(err.toString()).contains("/s\r" + " ".repeat(80) + "\ra row\n\r[");
  }

  @Test
  void linesElsewhereOneForEachTenth() {
    ReplayProgress progress = progress(false);
    pass(Duration.ofSeconds(4));
    progress.at(0.05, 1_000);
    progress.at(0.25, 2_000);
    progress.at(0.29, 3_000);
    progress.at(0.31, 4_000);
    progress.end();
    assertThat(err.toString())
        .isEqualTo("read 25%, 2,000 records, 500/s\nread 31%, 4,000 records, 1,000/s\n");
  }
}
