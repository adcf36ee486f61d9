/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class CommandEntryTest {
  private static final UserId USER = UserId.parse("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
  private final EventCodec codec = new EventCodec();

  @Test
  void isReadAsItWasWritten() throws EventFormatException {
    CommandEntry entry =
        new CommandEntry(
            USER,
            "e-1",
            3,
            17,
            new ContainerRef("n", "c", "h", "w"),
            Instant.parse("2026-11-24T12:00:00.5Z"),
            true);
    byte[] value = codec.encodeCommand(entry);
    assertThat(new String(value, StandardCharsets.UTF_8))
        .isEqualTo(
            "{\"user_id\":\"7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10\",\"exec_id\":\"e-1\","
                + "\"partition\":3,\"offset\":17,\"container_name\":\"n\",\"container_id\":\"c\","
                + "\"host\":\"h\",\"worker_id\":\"w\","
                + "\"started_at\":\"2026-11-24T12:00:00.500Z\",\"answered\":true}");
    assertThat(codec.decodeCommand(value)).isEqualTo(entry);
  }

  @Test
  void itSaysWhereTheAnswersAreCopied() throws EventFormatException {
    CommandEntry entry =
        new CommandEntry(
            USER,
            "e",
            0,
            0,
            new ContainerRef("n", "c", "h", "w"),
            Instant.EPOCH,
            false,
            "x.reply.y");
    byte[] value = codec.encodeCommand(entry);
    assertThat(new String(value, StandardCharsets.UTF_8)).endsWith(",\"reply_to\":\"x.reply.y\"}");
    assertThat(codec.decodeCommand(value)).isEqualTo(entry);
  }

  @Test
  void itsKeyNamesTheExecToo() {
    assertThat(new String(codec.commandKey(USER, "ä/1"), StandardCharsets.UTF_8))
        .isEqualTo(USER + "/ä/1");
  }

  @Test
  void whatLacksAFieldIsRefusedByItsName() {
    byte[] value = ("{\"user_id\":\"" + USER + "\"}").getBytes(StandardCharsets.UTF_8);
    assertThatThrownBy(() -> codec.decodeCommand(value))
        .isInstanceOf(EventFormatException.class)
        .hasMessageContaining("exec_id: missing");
  }
}
