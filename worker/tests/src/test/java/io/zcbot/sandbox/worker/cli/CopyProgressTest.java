/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class CopyProgressTest {
  private final StringWriter err = new StringWriter();
  private long now;

  private CopyProgress progress(boolean isTerminal) {
    return new CopyProgress(new PrintWriter(err, true), isTerminal, () -> now);
  }

  @Test
  void showsShareBytesAndRate() {
    CopyProgress progress = progress(true);
    progress.whole(10 << 20);
    now = Duration.ofSeconds(2).toNanos();
    progress.at(5 << 20);
    assertThat(err.toString().strip())
        .isEqualTo("[" + "#".repeat(15) + ".".repeat(15) + "] 50%, 5.0 MiB of 10.0 MiB, 2.5 MiB/s");
    progress.end();
    assertThat(err.toString()).endsWith(" \r");
  }

  @Test
  void showsBytesAndRateWhereTheWholeIsNotKnown() {
    CopyProgress progress = progress(true);
    now = Duration.ofSeconds(1).toNanos();
    progress.at(100);
    assertThat(err.toString().strip()).isEqualTo("100 B, 100 B/s");
  }

  @Test
  void aQuickCopyAndOneThatNobodyLooksAtShowNothing() {
    CopyProgress quick = progress(true);
    quick.at(1);
    quick.end();
    CopyProgress unseen = progress(false);
    now = Duration.ofSeconds(5).toNanos();
    unseen.at(1);
    unseen.end();
    assertThat(err.toString()).isEmpty();
  }
}
