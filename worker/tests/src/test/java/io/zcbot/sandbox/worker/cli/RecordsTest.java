/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.SandboxEvent;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.junit.jupiter.api.Test;

class RecordsTest {
  private static final String USER = "7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10";

  /** Its answer names the position from which it was forwarded. */
  @Test
  void aForwardedRequestWithoutAnIdHasThatOfItsFirstPosition() {
    assertThat(idOf("sandbox.ensure", "1-42@1000")).isEqualTo("sandbox.ensure-1-42");
    assertThat(idOf("sandbox.ensure", "3-42@1000"))
        .as("of a header that no worker writes")
        .isEqualTo("sandbox.ensure-3-17");
    assertThat(idOf("sandbox.exec", "1-42@1000"))
        .as("of an exec, which is not forwarded without an id")
        .isEqualTo("sandbox.exec-3-17");
  }

  private static String idOf(String topic, String forwarded) {
    RecordHeaders headers = new RecordHeaders();
    headers.add("zcbot_forwarded", bytes(forwarded));
    String command = topic.equals("sandbox.exec") ? ",\"command\":[\"true\"]" : "";
    SandboxEvent event =
        Records.event(
                new ConsumerRecord<>(
                    topic,
                    3,
                    17,
                    2000,
                    TimestampType.CREATE_TIME,
                    0,
                    0,
                    bytes(USER),
                    bytes("{\"user_id\":\"" + USER + "\"" + command + "}"),
                    headers,
                    Optional.empty()),
                "sandbox.")
            .event();
    return Objects.requireNonNull(event).eventId();
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
