/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class CurrentSandboxTest {
  private static final UserId USER = UserId.parse("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
  private final EventCodec codec = new EventCodec();

  @Test
  void hasTheWireFormThatReadersKnow() throws Exception {
    CurrentSandbox current =
        new CurrentSandbox(
            "r-1",
            USER,
            Instant.parse("2026-11-24T12:00:00.123Z"),
            new ContainerRef("zcbot-sandbox-" + USER, "0123456789abcdef", "host-1", "worker-1"));
    try (InputStream golden = getClass().getResourceAsStream("/golden/current.json")) {
      assertThat(new String(codec.encodeCurrent(current), StandardCharsets.UTF_8))
          .isEqualTo(
              new String(Objects.requireNonNull(golden).readAllBytes(), StandardCharsets.UTF_8)
                  .strip());
    }
    assertThat(codec.decodeCurrent(codec.encodeCurrent(current))).isEqualTo(current);
    assertThat(codec.currentKey(USER)).asString(StandardCharsets.UTF_8).isEqualTo(USER.toString());
  }

  @Test
  void itsLabelsAndEndAreLeftOutIfThereAreNone() throws Exception {
    CurrentSandbox current =
        new CurrentSandbox(
            "r-1",
            USER,
            Instant.parse("2026-11-24T12:00:00.123Z"),
            new ContainerRef("zcbot-sandbox-" + USER, "0123456789abcdef", "host-1", "worker-1"),
            Map.of("tenant", "acme", "meta.task", "one\nline \"quoted\"", "empty", ""),
            Instant.parse("2026-11-24T12:05:00Z"));
    try (InputStream golden = getClass().getResourceAsStream("/golden/current-labels.json")) {
      assertThat(new String(codec.encodeCurrent(current), StandardCharsets.UTF_8))
          .isEqualTo(
              new String(Objects.requireNonNull(golden).readAllBytes(), StandardCharsets.UTF_8)
                  .strip());
    }
    assertThat(codec.decodeCurrent(codec.encodeCurrent(current))).isEqualTo(current);
  }

  @Test
  void itsProfileIsLeftOutIfItIsTheDefault() throws Exception {
    CurrentSandbox current =
        new CurrentSandbox(
            "r-1",
            USER,
            Instant.parse("2026-11-24T12:00:00.123Z"),
            new ContainerRef("zcbot-sandbox-" + USER, "0123456789abcdef", "host-1", "worker-1"),
            Map.of(),
            null,
            "data-science");
    try (InputStream golden = getClass().getResourceAsStream("/golden/current-profile.json")) {
      assertThat(new String(codec.encodeCurrent(current), StandardCharsets.UTF_8))
          .isEqualTo(
              new String(Objects.requireNonNull(golden).readAllBytes(), StandardCharsets.UTF_8)
                  .strip());
    }
    assertThat(codec.decodeCurrent(codec.encodeCurrent(current))).isEqualTo(current);
  }

  @Test
  void whatLacksAFieldIsRefusedByItsName() {
    byte[] value = ("{\"user_id\":\"" + USER + "\"}").getBytes(StandardCharsets.UTF_8);
    assertThatThrownBy(() -> codec.decodeCurrent(value))
        .isInstanceOf(EventFormatException.class)
        .hasMessageContaining("event_id: missing");
  }
}
