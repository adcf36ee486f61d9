/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Arrays;
import java.util.UUID;
import java.util.regex.Pattern;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** What is read quickly is read as the real parsers read it, or left to them. */
class PlainReadingPropertyTest {
  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();
  private static final Pattern CANONICAL =
      Pattern.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");

  @Provide
  Arbitrary<SandboxEvent> events() {
    return Events.any();
  }

  /** Sequences of what JSON is made of, most of them none. */
  @Provide
  Arbitrary<String> jsonish() {
    return Arbitraries.of(
            "{",
            "}",
            "\"a\"",
            "\"b\"",
            "\"\"",
            "\"a",
            ":",
            ",",
            " ",
            "\n",
            "\t",
            "\\",
            "\"\\n\"",
            "\"é\"",
            "1",
            "null",
            "[",
            "]",
            "\u0000",
            "\"\u007f\"",
            "\"\u001f\"",
            "\ufeff")
        .list()
        .ofMaxSize(14)
        .map(parts -> String.join("", parts));
  }

  /** Objects of strings, now and then with a name twice. */
  @Provide
  Arbitrary<String> objects() {
    Arbitrary<String> texts =
        Arbitraries.of("\"a\"", "\"b\"", "\"ab\"", "\"\"", " \"c\" ", "\"x y\"");
    return Combinators.combine(texts, texts)
        .as((name, value) -> name + ":" + value)
        .list()
        .ofMaxSize(18)
        .map(fields -> "{" + String.join(",", fields) + "}\n");
  }

  @Provide
  Arbitrary<String> times() {
    return Arbitraries.strings().withChars("0123456789-:.TZtz+ ").ofMaxLength(32);
  }

  /** Times with a character changed. */
  @Provide
  Arbitrary<String> nearlyTimes() {
    Arbitrary<String> written =
        Arbitraries.longs()
            .between(-62_167_219_200L, 253_402_300_799L)
            .flatMap(
                second ->
                    Arbitraries.integers()
                        .between(0, 999_999_999)
                        .map(nano -> Instant.ofEpochSecond(second, nano).toString()));
    return Combinators.combine(
            written,
            Arbitraries.integers().between(-20, 32),
            Arbitraries.of('0', '1', '2', '3', '5', '6', '9', '-', 'Z', '.', ' ', '١'))
        .as(
            (text, at, with) ->
                at < 0 || at >= text.length()
                    ? text
                    : text.substring(0, at) + with + text.substring(at + 1));
  }

  @Property(tries = 10_000)
  void what_looks_like_json_is_read_as_json(@ForAll("jsonish") String text) throws Exception {
    agrees(text.getBytes(StandardCharsets.UTF_8));
  }

  @Property(tries = 5_000)
  void objects_of_strings_are_read_as_json(@ForAll("objects") String text) throws Exception {
    agrees(text.getBytes(StandardCharsets.UTF_8));
  }

  @Property(tries = 5_000)
  void events_whole_or_damaged_are_read_as_json(
      @ForAll("events") SandboxEvent event, @ForAll int at, @ForAll byte with, @ForAll int cut)
      throws Exception {
    byte[] value = new EventCodec().encode(event);
    agrees(value);
    agrees(Arrays.copyOf(value, Math.floorMod(cut, value.length)));
    value[Math.floorMod(at, value.length)] = with;
    agrees(value);
  }

  @Example
  void common_events_are_read_quickly() {
    Ensure ensure =
        new Ensure(
            "e", new UserId(new UUID(1, 2)), Instant.parse("2026-11-24T12:00:00Z"), "a", null);
    assertThat(PlainObject.read(new EventCodec().encode(ensure))).isNotNull();
  }

  @Property(tries = 10_000)
  void times_are_read_as_times(@ForAll("times") String text) {
    agrees(text);
  }

  @Property(tries = 10_000)
  void nearly_times_are_read_as_times(@ForAll("nearlyTimes") String text) {
    agrees(text);
  }

  @Property(tries = 5_000)
  void users_are_told_from_others(
      @ForAll long high, @ForAll long low, @ForAll int at, @ForAll char with) {
    UUID uuid = new UUID(high, low);
    String text = uuid.toString();
    assertThat(UserId.parse(text).uuid()).isEqualTo(uuid);
    int position = Math.floorMod(at, text.length());
    for (char c : new char[] {with, '-', 'f', 'g', '/', ':', '`', 'A'}) {
      String changed = text.substring(0, position) + c + text.substring(position + 1);
      boolean read;
      try {
        read = UserId.parse(changed).toString().equals(changed);
      } catch (IllegalArgumentException _) {
        read = false;
      }
      assertThat(read).isEqualTo(CANONICAL.matcher(changed).matches());
    }
  }

  private static void agrees(byte[] value) throws Exception {
    PlainObject plain = PlainObject.read(value);
    if (plain == null) {
      return;
    }
    JsonNode json = JSON.readTree(new String(value, StandardCharsets.UTF_8));
    assertThat(json.isObject()).isTrue();
    json.properties()
        .forEach(
            field -> {
              assertThat(field.getValue().isTextual()).isTrue();
              assertThat(plain.get(field.getKey())).isEqualTo(field.getValue().textValue());
            });
    assertThat(plain.get("no such field")).isNull();
  }

  private static void agrees(String time) {
    Instant plain = PlainInstant.read(time);
    if (plain != null) {
      assertThat(plain).isEqualTo(OffsetDateTime.parse(time).toInstant());
    }
  }
}
