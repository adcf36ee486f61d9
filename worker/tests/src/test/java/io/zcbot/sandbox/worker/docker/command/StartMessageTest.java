/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.command;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.worker.engine.CommandRequest;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class StartMessageTest {
  private static CommandRequest request(List<String> arguments, Duration timeout) {
    return new CommandRequest(arguments, Map.of(), null, timeout, null, 1);
  }

  @Test
  void isAsTheRunnerReadsIt() {
    byte[] message =
        StartMessage.of(
            new CommandRequest(
                List.of("echo", "ü"),
                Map.of("A", "b=c"),
                "/tmp",
                Duration.ofSeconds(2),
                new TerminalSize(300, 40),
                70_000),
            true);

    assertThat(message)
        .startsWith(0, 0, 0x07, 0xd0, 3, 0x01, 0x2c, 0, 40, 0, 0x01, 0x11, 0x70)
        .containsSequence(0, 0, 0, 2, 0, 0, 0, 1);
    assertThat(new String(message, 21, message.length - 21, StandardCharsets.UTF_8))
        .isEqualTo("/tmp\0echo\0ü\0A=b=c\0");
  }

  @Test
  void noDirectoryAndNoTerminalAreSaidSo() {
    byte[] message = StartMessage.of(request(List.of("true"), Duration.ofDays(100)), false);

    assertThat(message).startsWith(0x7f, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0);
    assertThat(new String(message, 21, message.length - 21, StandardCharsets.UTF_8))
        .isEqualTo("\0true\0");
    assertThat(StartMessage.of(request(List.of("true"), Duration.ofNanos(1)), false))
        .as("no time-out would be none at all")
        .startsWith(0, 0, 0, 1);
  }

  @Test
  void theProcessIdIsAskedForWhereItIsWantedAndTold() {
    for (boolean wanted : new boolean[] {false, true}) {
      CommandRequest request =
          new CommandRequest(
              List.of("true"), Map.of(), null, Duration.ofMillis(1), null, 1, true, wanted);
      assertThat(StartMessage.of(request, true)[4]).isEqualTo((byte) (wanted ? 6 : 2));
      assertThat(StartMessage.of(request, false)[4]).isEqualTo((byte) 2);
    }
  }

  @Test
  void whatNoRunnerCanReadIsRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> StartMessage.of(request(List.of("a\0b"), Duration.ofSeconds(1)), false))
        .withMessageContaining("NUL");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                StartMessage.of(
                    request(List.of("x".repeat(StartMessage.MAX)), Duration.ofSeconds(1)), false))
        .withMessageContaining("at most 262144");
  }
}
