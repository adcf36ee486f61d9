/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ReplyToTest {
  @Test
  void aTopicBelowThePrefixMayBeNamed() throws EventFormatException {
    String longest = "sandbox.reply." + "a".repeat(249 - 14);
    for (String name : new String[] {"sandbox.reply.a", "sandbox.reply.A-1_b.c", longest}) {
      assertThat(ReplyTo.read(name.getBytes(UTF_8), "sandbox.")).isEqualTo(name);
    }
    assertThat(ReplyTo.read("reply.a".getBytes(UTF_8), "")).isEqualTo("reply.a");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "sandbox.reply.",
        "sandbox.reply",
        "sandbox.replies.a",
        "sandbox.ensure",
        "Sandbox.reply.a",
        " sandbox.reply.a",
        "sandbox.reply.a ",
        "sandbox.reply.a\n",
        "sandbox.reply.a/b",
        "sandbox.reply.ä",
        "sandbox.reply.\u0000",
        "sandbox.reply.a,sandbox.reply.b",
        "dev.reply.a",
        "\u001b[31msandbox.reply.a"
      })
  void nothingElse(String name) {
    assertThatThrownBy(() -> ReplyTo.read(name.getBytes(UTF_8), "sandbox."))
        .isInstanceOf(EventFormatException.class)
        .hasMessageStartingWith("zcbot_reply_to: the header is '")
        .hasMessageContaining("begins with sandbox.reply. and has at most 249")
        .hasMessageNotContaining("\u001b")
        .hasMessageNotContaining("\u0000");
  }

  @Test
  void whateverItsLengthTheMessageIsShort() {
    byte[] large = "sandbox.reply.".concat("a".repeat(3_000_000)).getBytes(UTF_8);
    assertThatThrownBy(() -> ReplyTo.read(large, "sandbox."))
        .hasMessageContaining("249")
        .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(400));
    assertThatThrownBy(() -> ReplyTo.read(null, "sandbox.")).hasMessageContaining("''");
  }
}
