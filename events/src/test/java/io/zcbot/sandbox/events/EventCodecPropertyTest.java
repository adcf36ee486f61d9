/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Assume;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.constraints.IntRange;
import org.jspecify.annotations.Nullable;

class EventCodecPropertyTest {
  private static final Origin ORIGIN = new Origin("t", 0, 0, Instant.EPOCH);

  private static final String USER = "7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10";
  private static final Set<Byte> UNSAFE =
      Set.of(
          Character.CONTROL,
          Character.FORMAT,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR,
          Character.SURROGATE);

  private final EventCodec codec = new EventCodec();

  @Provide
  Arbitrary<SandboxEvent> events() {
    return Events.any();
  }

  /** Times, and what is nearly one. */
  @Provide
  Arbitrary<String> almostTimes() {
    Arbitrary<String> days =
        Combinators.combine(
                Arbitraries.integers().between(0, 9999),
                Arbitraries.integers().between(0, 13),
                Arbitraries.integers().between(0, 32))
            .as("%04d-%02d-%02d"::formatted);
    Arbitrary<String> times =
        Combinators.combine(
                Arbitraries.integers().between(0, 25),
                Arbitraries.integers().between(0, 60),
                Arbitraries.integers().between(0, 61))
            .as("%02d:%02d:%02d"::formatted);
    Arbitrary<String> fractions =
        Arbitraries.oneOf(
            Arbitraries.of("", ".", ",5", ".5x", ".1234567890"),
            Arbitraries.strings().numeric().ofMinLength(1).ofMaxLength(9).map("."::concat));
    return Combinators.combine(
            days,
            Arbitraries.frequency(Tuple.of(9, "T"), Tuple.of(1, "t"), Tuple.of(1, " ")),
            times,
            fractions,
            Arbitraries.frequency(
                Tuple.of(9, "Z"), Tuple.of(1, "z"), Tuple.of(1, "+01:30"), Tuple.of(1, "")))
        .as((day, t, time, fraction, zone) -> day + t + time + fraction + zone);
  }

  private static @Nullable Instant orNull(Supplier<Instant> parsed) {
    try {
      return parsed.get();
    } catch (DateTimeException e) {
      return null;
    }
  }

  @Property(tries = 5000)
  void timesAreReadAsTheJdkReadsThem(@ForAll("almostTimes") String text) {
    assertThat(orNull(() -> UtcTime.parse(text)))
        .isEqualTo(orNull(() -> OffsetDateTime.parse(text).toInstant()));
  }

  /** JSON objects with wrong contents: fields of all names with values of all kinds. */
  @Provide
  Arbitrary<String> almostEvents() {
    Arbitrary<String> names =
        Arbitraries.of(
            "event_id",
            "user_id",
            "requested_at",
            "requested_by",
            "expires_at",
            "occurred_at",
            "source",
            "ensure_id",
            "ready_at",
            "outcome",
            "took_ms",
            "reaped_at",
            "reason",
            "exit_code",
            "oom_killed",
            "memory_limit_bytes",
            "failed_at",
            "message",
            "retryable",
            "command",
            "shell",
            "stdin",
            "stdin_base64",
            "env",
            "cwd",
            "timeout_seconds",
            "max_output_bytes",
            "tty",
            "input",
            "exec_id",
            "data",
            "data_base64",
            "eof",
            "signal",
            "resize",
            "seq",
            "stream",
            "x");
    Arbitrary<String> values =
        Arbitraries.of(
            "null",
            "true",
            "0",
            "-1",
            "1.5",
            "1e400",
            "-1e-400",
            "9".repeat(60),
            "\"\"",
            "\" \"",
            "\"x\"",
            "\"\\u0000\"",
            "\"\\ud800\"",
            "\"\\udfff\\ud800\"",
            "[]",
            "{}",
            "[[[[]]]]",
            "{\"user_id\":{}}",
            "[\"\"]",
            "[\"ls\",\"\\u0000\"]",
            "[\"ls\",[1]]",
            "{\"A\":\"b\"}",
            "{\"=\":\"\\udfff\"}",
            "{\"columns\":80,\"rows\":24}",
            "{\"columns\":1e9,\"rows\":\"x\"}",
            "{\"\u001b[2J\":1}",
            "\"////\"",
            "\"2026-11-24T12:00:00Z\"",
            "\"idle\"",
            "\"created\"",
            "\"00000000-0000-0000-0000-000000000000\"",
            "\"+999999999-12-31T23:59:59-18:00\"",
            "\"\ufeff\"",
            "NaN",
            "'x'");
    return Combinators.combine(names, values)
        .as((name, value) -> "\"" + name + "\":" + value)
        .list()
        .ofMaxSize(16)
        .map(fields -> "{" + String.join(",", fields) + "}");
  }

  @Property(tries = 2000)
  void whatIsWrittenIsReadAgain(@ForAll("events") SandboxEvent event) throws Exception {
    byte[] value = codec.encode(event);
    assertThat(codec.decode(event.topic(), codec.key(event), value, ORIGIN)).isEqualTo(event);
  }

  @Property(tries = 2000)
  void randomBytesAreRefusedCleanly(@ForAll Topic topic, @ForAll byte[] key, @ForAll byte[] value) {
    decode(topic, key, value);
  }

  @Property(tries = 2000)
  void randomTextIsRefusedCleanly(@ForAll Topic topic, @ForAll String key, @ForAll String value) {
    decode(topic, bytes(key), bytes(value));
  }

  @Property(tries = 5000)
  void almostEventsAreReadOrRefusedCleanly(
      @ForAll Topic topic, @ForAll("almostEvents") String json) {
    decode(topic, bytes("00000000-0000-0000-0000-000000000000"), bytes(json));
  }

  @Property(tries = 5000)
  void damagedEventsAreReadOrRefusedCleanly(
      @ForAll("events") SandboxEvent event, @ForAll int at, @ForAll byte with, @ForAll int cut) {
    byte[] value = codec.encode(event);
    value[Math.floorMod(at, value.length)] = with;
    decode(event.topic(), codec.key(event), value);
    decode(event.topic(), codec.key(event), Arrays.copyOf(value, Math.floorMod(cut, value.length)));
  }

  @Property(tries = 2000)
  void whatIsReadHasNoControlCharactersInItsIds(
      @ForAll @IntRange(max = 0x1ffff) int codePoint, @ForAll boolean escaped) throws Exception {
    Assume.that(escaped || Character.getType(codePoint) != Character.SURROGATE);
    String text = "a" + Character.toString(codePoint) + "b";
    String json =
        JsonMapper.builder()
            .configure(JsonWriteFeature.ESCAPE_NON_ASCII, escaped)
            .build()
            .writeValueAsString(Map.of("user_id", USER, "event_id", text, "requested_by", text));
    try {
      Ensure read = codec.decodeEnsure(bytes(USER), bytes(json), ORIGIN);
      assertThat(read.eventId()).isEqualTo(read.requestedBy()).isEqualTo(text);
      assertThat(UNSAFE).doesNotContain((byte) Character.getType(codePoint));
    } catch (EventFormatException e) {
      assertThat(UNSAFE).contains((byte) Character.getType(codePoint));
      assertThat(e.getMessage().codePoints()).noneMatch(Character::isISOControl);
    }
  }

  /**
   * Decodes any input. The only possible failure is the codec's own, whose message can be shown and
   * stored. Every event that was read can be written, since it may have to be forwarded.
   */
  private void decode(Topic topic, byte @Nullable [] key, byte @Nullable [] value) {
    try {
      SandboxEvent event = codec.decode(topic, key, value, ORIGIN);
      assertThat(codec.decode(topic, codec.key(event), codec.encode(event), ORIGIN))
          .isEqualTo(event);
    } catch (EventFormatException e) {
      assertThat(e.getMessage()).startsWith(e.field() + ": ").hasSizeLessThan(400);
      assertThat(e.getMessage().codePoints()).noneMatch(Character::isISOControl);
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
