/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LiveSandboxTest {
  private static final UserId USER = UserId.parse("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
  private final EventCodec codec = new EventCodec();

  @Test
  void isReadAsItWasWritten() throws EventFormatException {
    LiveSandbox live =
        new LiveSandbox(
            USER,
            "c1",
            "host",
            "worker",
            Instant.parse("2026-11-24T12:00:00.5Z"),
            Duration.ofSeconds(60),
            Instant.parse("2026-11-24T11:59:59.123456789Z"));
    byte[] value = codec.encodeLive(live);
    assertThat(new String(value, StandardCharsets.UTF_8))
        .isEqualTo(
            "{\"user_id\":\"7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10\",\"container_id\":\"c1\","
                + "\"host\":\"host\",\"worker_id\":\"worker\","
                + "\"opened_at\":\"2026-11-24T12:00:00.500Z\",\"idle_ttl_seconds\":60,"
                + "\"started_at\":\"2026-11-24T11:59:59.123456789Z\"}");
    assertThat(codec.decodeLive(value)).isEqualTo(live);
  }

  @Test
  void anEntryOfAnEarlierVersionDoesNotTellTheStart() throws EventFormatException {
    LiveSandbox live = new LiveSandbox(USER, "c1", "host", "worker", Instant.EPOCH);
    byte[] value = codec.encodeLive(live);
    assertThat(new String(value, StandardCharsets.UTF_8)).doesNotContain("started_at");
    assertThat(codec.decodeLive(value)).isEqualTo(live);
  }

  @Test
  void itsLabelsAndEndAreReadAsTheyWereWritten() throws EventFormatException {
    LiveSandbox live =
        new LiveSandbox(
            USER,
            "c1",
            "host",
            "worker",
            Instant.EPOCH,
            null,
            null,
            Map.of("b", "2", "a", "1"),
            Instant.parse("2026-11-24T12:05:00Z"));
    byte[] value = codec.encodeLive(live);
    assertThat(new String(value, StandardCharsets.UTF_8))
        .endsWith(",\"labels\":{\"a\":\"1\",\"b\":\"2\"},\"ends_at\":\"2026-11-24T12:05:00Z\"}");
    assertThat(codec.decodeLive(value)).isEqualTo(live);
    assertThat(TestSchemas.problems(Topic.LIVE, value)).isEmpty();
  }

  @Test
  void itsProfileIsReadAsItWasWritten() throws EventFormatException {
    LiveSandbox live =
        new LiveSandbox(
            USER,
            "c1",
            "host",
            "worker",
            Instant.EPOCH,
            null,
            null,
            Map.of(),
            null,
            "data-science");
    byte[] value = codec.encodeLive(live);
    assertThat(new String(value, StandardCharsets.UTF_8))
        .endsWith(",\"profile\":\"data-science\"}");
    assertThat(codec.decodeLive(value)).isEqualTo(live);
    assertThat(TestSchemas.problems(Topic.LIVE, value)).isEmpty();
  }

  private static LiveSandbox refused(RefusedEgress... refused) {
    return new LiveSandbox(
        USER,
        "c1",
        "host",
        "worker",
        Instant.EPOCH,
        null,
        null,
        Map.of(),
        null,
        ProfileName.DEFAULT,
        Network.WHOLE,
        List.of(refused));
  }

  @Test
  void whatItWasRefusedIsReadAsItWasWritten() throws EventFormatException {
    Instant at = Instant.parse("2026-11-24T12:05:00Z");
    LiveSandbox live =
        refused(
            new RefusedEgress(at, "tls", null, 443, "no-name"),
            new RefusedEgress(at, "dns", "other.example", 53, "not-allowed"));
    byte[] value = codec.encodeLive(live);
    assertThat(new String(value, StandardCharsets.UTF_8))
        .endsWith(
            ",\"egress_refused\":[{\"at\":\"2026-11-24T12:05:00Z\",\"protocol\":\"tls\",\"port\":443,"
                + "\"reason\":\"no-name\"},{\"at\":\"2026-11-24T12:05:00Z\",\"protocol\":\"dns\","
                + "\"name\":\"other.example\",\"port\":53,\"reason\":\"not-allowed\"}]}");
    assertThat(codec.decodeLive(value)).isEqualTo(live);
    assertThat(TestSchemas.problems(Topic.LIVE, value)).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        ":443|:65536|egress_refused[0].port: is not a whole number from 0 to 65535",
        "\"reason\"|\"why\"|egress_refused[0].reason: missing; it is required",
        ":[{|:[1,{|egress_refused[0]: is a number; make it an object",
        ":[{|:[{},{},{},{},{},{},{},{},{},{},{|egress_refused: has more than 10 elements; send fewer",
      })
  void whatItWasRefusedIsRefusedByTheNameOfTheField(String good, String bad, String problem) {
    LiveSandbox live = refused(new RefusedEgress(Instant.EPOCH, "tls", null, 443, "no-name"));
    byte[] value =
        new String(codec.encodeLive(live), StandardCharsets.UTF_8)
            .replace(good, bad)
            .getBytes(StandardCharsets.UTF_8);
    assertThatThrownBy(() -> codec.decodeLive(value)).hasMessage(problem);
    assertThat(TestSchemas.problems(Topic.LIVE, value)).isNotEmpty();
  }

  @Test
  void itsKeyNamesTheContainerToo() {
    assertThat(new String(codec.liveKey(USER, "c1"), StandardCharsets.UTF_8))
        .isEqualTo(USER + "/c1");
  }

  @Test
  void anIdleTtlThatNobodyMayAskForIsRefused() {
    byte[] value =
        new String(
                codec.encodeLive(
                    new LiveSandbox(
                        USER, "c1", "host", "worker", Instant.EPOCH, Duration.ofSeconds(60), null)),
                StandardCharsets.UTF_8)
            .replace(":60}", ":31536001}")
            .getBytes(StandardCharsets.UTF_8);
    assertThatThrownBy(() -> codec.decodeLive(value))
        .isInstanceOf(EventFormatException.class)
        .hasMessage("idle_ttl_seconds: is not a whole number from 0 to 31536000");
    assertThat(TestSchemas.problems(Topic.LIVE, value)).isNotEmpty();
  }

  @Test
  void whatLacksAFieldIsRefusedByItsName() {
    byte[] value = ("{\"user_id\":\"" + USER + "\"}").getBytes(StandardCharsets.UTF_8);
    assertThatThrownBy(() -> codec.decodeLive(value))
        .isInstanceOf(EventFormatException.class)
        .hasMessageContaining("container_id: missing");
  }
}
