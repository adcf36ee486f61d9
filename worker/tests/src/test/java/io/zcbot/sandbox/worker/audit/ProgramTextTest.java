/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.worker.audit.result.ProgramText;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class ProgramTextTest {
  private static String of(String... arguments) {
    return ProgramText.of(new Exec.Program.Command(List.of(arguments)));
  }

  @Test
  void argumentsAreQuotedWhereTheirBoundsCouldNotBeSeen() {
    assertThat(of("ls", "-l", "/tmp/x")).isEqualTo("ls -l /tmp/x");
    assertThat(of("python3", "-c", "print('a')")).isEqualTo("python3 -c 'print('\\''a'\\'')'");
    assertThat(of("echo", "")).isEqualTo("echo ''");
  }

  @Test
  void aScriptIsShownAsItIs() {
    assertThat(ProgramText.of(new Exec.Program.Shell("cd /tmp\n  ls | wc -l\n")))
        .isEqualTo("cd /tmp ls | wc -l ");
  }

  @Test
  void whatIsLongIsCut() {
    assertThat(of("x".repeat(80))).isEqualTo("x".repeat(80));
    assertThat(of("x".repeat(100_000), "y")).isEqualTo("x".repeat(79) + "…");
    assertThat(ProgramText.of(new Exec.Program.Shell("x".repeat(78) + "🙂🙂")))
        .isEqualTo("x".repeat(78) + "…");
  }

  @Property
  void noControlCharacterRemains(@ForAll List<String> arguments) {
    String[] all = arguments.toArray(String[]::new);
    assertThat(of(all)).hasSizeLessThanOrEqualTo(80).matches("[^\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]*");
    assertThat(ProgramText.of(new Exec.Program.Shell(Arrays.toString(all))))
        .hasSizeLessThanOrEqualTo(80)
        .matches("[^\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]*");
  }
}
