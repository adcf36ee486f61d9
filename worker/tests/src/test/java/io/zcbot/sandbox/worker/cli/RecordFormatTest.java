/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class RecordFormatTest {
  private static final String USER = "7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10";

  private static RecordFormat format(boolean terminal, Map<String, String> env) {
    PrintWriter out = new PrintWriter(new StringWriter());
    return new RecordFormat("sandbox.", new Console(env, out, out, terminal).hasColour());
  }

  private static ConsumerRecord<byte[], byte[]> record(
      String topic, @Nullable String key, @Nullable String value, String... headers) {
    Headers all = new RecordHeaders();
    for (int i = 0; i < headers.length; i += 2) {
      all.add(headers[i], headers[i + 1].getBytes(StandardCharsets.UTF_8));
    }
    return new ConsumerRecord<>(
        topic,
        3,
        17,
        Instant.parse("2026-11-24T12:00:00.5Z").toEpochMilli(),
        TimestampType.LOG_APPEND_TIME,
        0,
        0,
        key == null ? null : key.getBytes(StandardCharsets.UTF_8),
        value == null ? null : value.getBytes(StandardCharsets.UTF_8),
        all,
        Optional.empty());
  }

  private static final String DEAD = "no \u001b[31mJSON";

  @Test
  void linesAreAligned() {
    RecordFormat format = format(false, Map.of());
    assertThat(format.line(record("sandbox.ensure", USER, "{\"user_id\":\"" + USER + "\"}")))
        .isEqualTo("2026-11-24T12:00:00.500Z  ensure       " + USER + "  id sandbox.ensure-3-17");
    assertThat(
            format.line(
                record(
                    "sandbox.dead-letter",
                    "x",
                    "{",
                    "zcbot_error",
                    DEAD,
                    "zcbot_topic",
                    "sandbox.ensure",
                    "zcbot_partition",
                    "0",
                    "zcbot_offset",
                    "9")))
        .isEqualTo(
            "2026-11-24T12:00:00.500Z  dead-letter  x                                     no"
                + " ?[31mJSON (from sandbox.ensure-0-9, 1 bytes)");
  }

  @Test
  void recordsThatAreNoEventsAreShown() {
    RecordFormat format = format(false, Map.of());
    assertThat(format.line(record("sandbox.activity", null, null)))
        .contains("activity", "not an event: value: missing; send a JSON object (no value)");
    assertThat(format.line(record("sandbox.ready", "k".repeat(500), "[]")))
        .contains("k".repeat(35) + "…  not an event: value: is not a JSON object")
        .hasSizeLessThan(200);
    assertThat(format.line(record("sandbox.dead-letter", "\u001b[2J", null)))
        .contains("?[2J", "of unknown cause");
  }

  @Test
  void colourIsForTerminalsThatWantIt() {
    ConsumerRecord<byte[], byte[]> record = record("sandbox.failed", USER, "{}");
    assertThat(format(true, Map.of()).line(record)).contains("\u001b[31mfailed     \u001b[0m");
    assertThat(format(true, Map.of("NO_COLOR", "1")).line(record)).doesNotContain("\u001b");
    assertThat(format(true, Map.of("NO_COLOR", "")).line(record)).contains("\u001b");
    assertThat(format(true, Map.of("TERM", "dumb")).line(record)).doesNotContain("\u001b");
    assertThat(format(false, Map.of()).line(record)).doesNotContain("\u001b");
  }

  @Test
  void whatCommandsReadAndWriteIsNotShown() {
    RecordFormat format = format(false, Map.of());
    String exec =
        "{\"user_id\":\"%s\",\"shell\":\"cat\",\"stdin\":\"sécret\",\"env\":{\"A\":\"sécret\"}}"
            .formatted(USER);
    assertThat(format.line(record("sandbox.exec", USER, exec))).doesNotContain("cret");
    assertThat(format.json(record("sandbox.exec", USER, exec)))
        .contains("\"stdin_bytes\":7", "\"env\":{\"A\":\"…\"}", "\"shell\":\"cat\"")
        .doesNotContain("cret");
    assertThat(
            format.json(
                record(
                    "sandbox.input",
                    USER,
                    "{\"user_id\":\"%s\",\"exec_id\":\"e\",\"data_base64\":\"AP8=\"}"
                        .formatted(USER))))
        .contains("\"data_bytes\":2}}");
    assertThat(format.json(record("sandbox.output", USER, "{\"data\":\"secret\"}")))
        .contains("\"problem\":\"not an event: ", "\"value_bytes\":17}")
        .doesNotContain("value_base64");
  }

  @Test
  void jsonHasTheTraceIfItIsValid() {
    RecordFormat format = format(false, Map.of());
    String trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    String parent = "00-" + trace + "-00f067aa0ba902b7-01";
    assertThat(format.json(record("sandbox.ensure", USER, "{}", "traceparent", parent)))
        .contains("\"trace_id\":\"" + trace + "\"");
    assertThat(format.json(record("sandbox.ensure", USER, "{}", "traceparent", "\u001b[31m")))
        .doesNotContain("trace_id");
  }

  @Test
  void jsonHasTheEventOrTheProblem() {
    RecordFormat format = format(false, Map.of());
    assertThat(format.json(record("sandbox.activity", USER, "{\"user_id\":\"" + USER + "\"}")))
        .isEqualTo(
            "{\"topic\":\"sandbox.activity\",\"partition\":3,\"offset\":17,"
                + "\"timestamp\":\"2026-11-24T12:00:00.500Z\",\"key\":\""
                + USER
                + "\",\"event\":{\"event_id\":\"sandbox.activity-3-17\",\"user_id\":\""
                + USER
                + "\",\"occurred_at\":\"2026-11-24T12:00:00.500Z\"}}");
    assertThat(
            format.json(
                record(
                    "sandbox.dead-letter",
                    "x",
                    "{",
                    "zcbot_error",
                    "bad",
                    "zcbot_topic",
                    "t",
                    "zcbot_partition",
                    "0",
                    "zcbot_offset",
                    "9")))
        .endsWith("\"key\":\"x\",\"problem\":\"bad\",\"origin\":\"t-0-9\",\"value_bytes\":1}");
  }
}
