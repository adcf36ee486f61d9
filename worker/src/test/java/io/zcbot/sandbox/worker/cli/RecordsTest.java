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
    RecordHeaders headers = new RecordHeaders();
    headers.add("zcbot_forwarded", bytes("1-42@1000"));
    SandboxEvent event =
        Records.event(
                new ConsumerRecord<>(
                    "sandbox.ensure",
                    3,
                    17,
                    2000,
                    TimestampType.CREATE_TIME,
                    0,
                    0,
                    bytes(USER),
                    bytes("{\"user_id\":\"" + USER + "\"}"),
                    headers,
                    Optional.empty()),
                "sandbox.")
            .event();
    assertThat(Objects.requireNonNull(event).eventId()).isEqualTo("sandbox.ensure-1-42");
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
