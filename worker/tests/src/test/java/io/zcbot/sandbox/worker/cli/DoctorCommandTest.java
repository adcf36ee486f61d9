/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.cli.terminal.StandardStreams;
import io.zcbot.sandbox.worker.doctor.Finding;
import io.zcbot.sandbox.worker.doctor.Finding.Level;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DoctorCommandTest {
  private final StringWriter out = new StringWriter();

  private void print(boolean verbose, Finding... findings) {
    print(verbose, false, findings);
  }

  private void print(boolean verbose, boolean isTerminal, Finding... findings) {
    PrintWriter writer = new PrintWriter(out, true);
    CommandContext context =
        new CommandContext(
            new Console(Map.of("NO_COLOR", "1"), writer, writer, isTerminal),
            () -> verbose,
            _ -> new FakeEngine(),
            _ -> new FakeEngine(),
            StandardStreams::ofProcess);
    boolean isFit = new FindingsReport(context, "serve").print(List.of(findings), false);
    assertThat(isFit)
        .isEqualTo(List.of(findings).stream().noneMatch(each -> each.level() == Level.FAIL));
  }

  /** An engine and files of the host tell what is printed. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whatOthersSayIsSafeForATerminal(boolean verbose) {
    print(
        verbose,
        new Finding("kernel", Level.OK, "6.12\u001b[2J", ""),
        new Finding("image", Level.WARN, "x\u009b2J", "pull \u202ex"),
        new Finding("engine", Level.FAIL, "y\u001b]0;z\u0007", "run \u001b[31mit"));
    assertThat(out.toString().lines().toList())
        .allSatisfy(line -> assertThat(line).doesNotContainPattern("[\\p{Cc}\\p{Cf}]"))
        .contains("OK    kernel           6.12?[2J", "FAIL  engine           y?]0;z?");
    assertThat(out.toString()).contains("→ run ?[31mit");
  }

  @Test
  void aLongDetailIsCutOnATerminalUnlessItIsAFault() {
    String detail = "x".repeat(100);
    print(
        false,
        true,
        new Finding("kernel", Level.OK, detail, ""),
        new Finding("engine", Level.FAIL, detail, "start it"));
    assertThat(out.toString())
        .contains("kernel           " + "x".repeat(56) + "…")
        .contains("engine           " + detail)
        .contains("1 FAIL, 0 WARN, 1 OK: not fit to serve");
  }

  @Test
  void nothingIsCutOnAPipe() {
    print(false, new Finding("kernel", Level.WARN, "x".repeat(500), ""));
    assertThat(out.toString()).contains("kernel           " + "x".repeat(500));
  }

  @Test
  void theWarningsThatMatterMostComeFirstAndAreNamed() {
    print(
        false,
        new Finding("inotify", Level.WARN, "few", "raise it"),
        new Finding("seccomp", Level.WARN, "off", "switch it on"));
    assertThat(out.toString())
        .startsWith("WARN  seccomp          off\nWARN  inotify          few\n")
        .contains("\nFix first, since they weaken what keeps sandboxes in: seccomp.\n");
  }
}
