/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** When the table of attacks, printed at the end of a run, makes the run fail. */
class SecurityTableTest {
  private static final Path REPOSITORY = Path.of("../..").toAbsolutePath().normalize();

  @TempDir Path results;

  /** Numbers of rows are never given twice, so there are gaps. */
  @BeforeEach
  void twoRowsWithAGapBetween() throws Exception {
    Files.writeString(results.resolve("rows.tsv"), "7\tfork bomb\t\n9\tunknown row\t\n");
    Files.writeString(results.resolve("expected.tsv"), "7\trunc\tok\t\n");
  }

  @Test
  void aNumberThatNoRowHasIsNoRowThatDidNotRun() throws Exception {
    Files.writeString(results.resolve("results.tsv"), "7\trunc\tok\tA.a\t\n9\tany\tok\tB.b\t\n");
    assertThat(exitCode()).isZero();
  }

  @Test
  void aRowThatDidNotRunFailsAWholeRun() throws Exception {
    Files.writeString(results.resolve("results.tsv"), "7\trunc\tok\tA.a\t\n");
    assertThat(exitCode()).isEqualTo(1);
  }

  @Test
  void aProfileThatDidNotRunFailsAWholeRun() throws Exception {
    Files.writeString(results.resolve("results.tsv"), "9\tany\tok\tB.b\t\n");
    assertThat(exitCode()).isEqualTo(1);
  }

  @Test
  void aRowThatFailedFailsAnyRun() throws Exception {
    Files.writeString(
        results.resolve("results.tsv"), "7\trunc\tFAILED\tA.a\t\n9\tany\tok\tB.b\t\n");
    assertThat(exitCode()).isEqualTo(1);
  }

  private int exitCode() throws Exception {
    Process bash =
        new ProcessBuilder(
                "bash",
                "-euc",
                ". bin/lib/security-table.sh; security_table \"$0\" complete",
                results.toString())
            .directory(REPOSITORY.toFile())
            .redirectErrorStream(true)
            .redirectOutput(results.resolve("output").toFile())
            .start();
    assertThat(bash.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return bash.exitValue();
  }
}
