/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VisibleOutputTest {
  private final ByteArrayOutputStream terminal = new ByteArrayOutputStream();
  private final VisibleOutput output = new VisibleOutput(terminal);

  private String shown() {
    return terminal.toString(StandardCharsets.UTF_8);
  }

  @ParameterizedTest
  @CsvSource({
    "plain text, plain text",
    "Grüße 世界 🙂, Grüße 世界 🙂",
    "\\ stays as it is, \\ stays as it is",
    "a\u001b[2Jb, a\\x1b[2Jb",
    "a\u001b]0;title\u0007b, a\\x1b]0;title\\x07b",
    "a\u009b2Jb, a\\x9b2Jb",
    "a\u007fb, a\\x7fb",
    "abc\u202edef, abc\\u202edef",
    "a\u2066b\u200f, a\\u2066b\\u200f",
  })
  void textPassesAndControlCharactersBecomeVisible(String written, String expected)
      throws IOException {
    output.write(written.getBytes(StandardCharsets.UTF_8));
    assertThat(shown()).isEqualTo(expected);
  }

  @Test
  void linesAndTabsStay() throws IOException {
    output.write("a\tb\r\nc\rd".getBytes(StandardCharsets.UTF_8));
    assertThat(shown()).isEqualTo("a\tb\r\nc\rd");
  }

  @Test
  void bytesThatAreNoTextBecomeVisible() throws IOException {
    output.write(new byte[] {'a', (byte) 0x9b, 'b', (byte) 0xff, (byte) 0xc3, 'c', 0});
    assertThat(shown()).isEqualTo("a\\x9bb\\xff\\xc3c\\x00");
  }

  @Test
  void aCharacterThatIsWrittenInPartsIsShownWhenItIsComplete() throws IOException {
    byte[] smile = "🙂".getBytes(StandardCharsets.UTF_8);
    output.write('a');
    output.write(smile, 0, 3);
    assertThat(shown()).isEqualTo("a");
    output.write(smile, 3, 1);
    assertThat(shown()).isEqualTo("a🙂");
  }

  @Test
  void whatWasNotCompletedIsShownAtTheEnd() throws IOException {
    output.write(new byte[] {'a', (byte) 0xf0, (byte) 0x9f});
    output.end();
    assertThat(shown()).isEqualTo("a\\xf0\\x9f");
  }

  @Test
  void noBytesHoweverTheyAreCutMakeATerminalAct() throws IOException {
    Random random = new Random(7);
    for (int round = 0; round < 2000; round++) {
      byte[] bytes = new byte[random.nextInt(40)];
      random.nextBytes(bytes);
      output.write(bytes);
    }
    output.end();
    assertThat(shown()).doesNotContain("\ufffd");
    assertThat(shown().codePoints())
        .allMatch(c -> !Character.isISOControl(c) || c == '\n' || c == '\r' || c == '\t');
  }
}
