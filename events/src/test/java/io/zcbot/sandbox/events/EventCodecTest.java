/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.regex.Matcher;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class EventCodecTest extends CodecCase {
  private Ensure ensure(String json) throws EventFormatException {
    return codec.decodeEnsure(bytes(USER), bytes(json), ORIGIN);
  }

  @Test
  void aKeyAndASmallObjectAreEnough() throws Exception {
    String json = "{\"user_id\":\"" + USER + "\"}";
    assertThat(ensure(json))
        .isEqualTo(new Ensure("sandbox.ensure-3-17", UserId.parse(USER), APPENDED, null, null));
    assertThat(codec.decodeActivity(bytes(USER), bytes(json), ORIGIN))
        .isEqualTo(new Activity("sandbox.ensure-3-17", UserId.parse(USER), APPENDED, null));
  }

  @Test
  void unknownFieldsAndNullsAreAsGoodAsNone() throws Exception {
    assertThat(
            ensure(
                "{\"new\":{\"deep\":[1,2.5,null]},\"user_id\":\"%s\",\"event_id\":null}"
                    .formatted(USER)))
        .isEqualTo(ensure("{\"user_id\":\"" + USER + "\"}"));
  }

  @ParameterizedTest
  @CsvSource({
    "2026-11-24T12:00:00Z,2026-11-24T12:00:00Z",
    "2026-11-24T12:00:00.123456789Z,2026-11-24T12:00:00.123456789Z",
    "2026-11-24T13:30:00+01:30,2026-11-24T12:00:00Z",
    "2026-11-24t12:00:00z,2026-11-24T12:00:00Z",
    "0000-01-01T00:00:00Z,0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999Z,9999-12-31T23:59:59.999Z"
  })
  void timesOfAnyOffsetAreRead(String text, Instant instant) throws Exception {
    assertThat(
            ensure("{\"user_id\":\"%s\",\"requested_at\":\"%s\"}".formatted(USER, text))
                .requestedAt())
        .isEqualTo(instant);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "now",
        "2026-11-24",
        "2026-11-24T12:00:00",
        "2026-11-24 12:00:00Z",
        "1764000000",
        "2026-13-24T12:00:00Z",
        "2026-11-24T24:00:01Z",
        "2026-02-30T12:00:00Z"
      })
  void whatIsNoTimeIsRefused(String text) {
    assertThat(refusal("{\"user_id\":\"%s\",\"expires_at\":\"%s\"}".formatted(USER, text)))
        .isEqualTo(
            "expires_at: is not an RFC 3339 time: '" + text + "'; write e.g. 2026-11-24T12:00:00Z");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "+10000-01-01T00:00:00Z",
        "-0001-12-31T23:59:59Z",
        "+999999999-12-31T23:59:59-18:00",
        "9999-12-31T23:59:59-01:00",
        "0000-01-01T00:00:00+01:00"
      })
  void timesThatCouldNotBeWrittenAgainAreRefused(String text) {
    assertThat(refusal("{\"user_id\":\"%s\",\"expires_at\":\"%s\"}".formatted(USER, text)))
        .isEqualTo("expires_at: has a year outside 0000 to 9999");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          {}                                    | user_id: missing; it is required
          {"user_id":null}                      | user_id: missing; it is required
          {"user_id":7}                         | user_id: is a number; make it a string
          {"user_id":true}                      | user_id: is a boolean; make it a string
          {"user_id":[]}                        | user_id: is an array; make it a string
          {"user_id":{}}                        | user_id: is an object; make it a string
          {"user_id":""}                        | user_id: is empty; give a value or leave the field out
          {"user_id":"../x"}                    | user_id: not a UUID: '../x'; use the canonical lower-case form, e.g. 7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10
          {"user_id":"USER","event_id":""}      | event_id: is empty; give a value or leave the field out
          {"user_id":"USER","event_id":"  "}    | event_id: is empty; give a value or leave the field out
          {"user_id":"USER","event_id":1}       | event_id: is a number; make it a string
          {"user_id":"USER","requested_by":[]}  | requested_by: is an array; make it a string
          {"user_id":"USER","requested_at":1}   | requested_at: is a number; make it a string
          {"user_id":"USER","event_id":"\\ud800"}     | event_id: has an unpaired surrogate; send complete characters
          {"user_id":"USER","requested_by":"\\udc00x"} | requested_by: has an unpaired surrogate; send complete characters
          []                                    | value: is not a JSON object; send {"user_id": …}
          "x"                                   | value: is not a JSON object; send {"user_id": …}
          null                                  | value: is not a JSON object; send {"user_id": …}
          17                                    | value: is not a JSON object; send {"user_id": …}
          """)
  void refusalsNameFieldAndProblem(String json, String problem) {
    assertThat(refusal(json.replace("USER", USER))).isEqualTo(problem);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{",
        "}",
        "{]",
        "hello",
        "{'user_id':1}",
        "{\"a\":1}}",
        "{\"a\":1,}",
        "{\"a\":01}",
        "{\"a\":NaN}",
        "{\"a\":\"\t\"}",
        "{\"a\":\"\\x\"}",
        "{/**/\"a\":1}",
        "\ufeff{\"a\":1}",
        "{\"a\":\"\0\"}"
      })
  void whatIsNoJsonIsRefused(String text) {
    assertThat(refusal(text)).startsWith("value: is not JSON: ").matches("[^\\p{Cntrl}]*");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      textBlock =
          """
          ["a"]           | is an array; make it an object of strings
          {"a":1}         | the value of 'a' is a number; make it a string
          {"":"b"}        | has a key that is empty; give it a name
          {"a\\u001b":"b"} | the key 'a?' has a control or invisible character; remove it
          {"KEY":"b"}     | the key 'KEYKEYKEYKEYKEYKEYKEYKEYKEYKEYKEYKEYKEYKEYKEYKEYKEYKEYKEYKEYKEYK…' \
          is 129 characters long; at most 128 are allowed
          {"a":"VALUE"}   | takes 4097 bytes, keys and values together; at most 4096 are allowed
          """)
  void refusalsOfLabelsSayWhatToDo(String labels, String problem) {
    String json =
        "{\"user_id\":\"%s\",\"labels\":%s}"
            .formatted(
                USER, labels.replace("KEY", "KEY".repeat(43)).replace("VALUE", "é".repeat(2048)));
    assertThat(refusal(json)).isEqualTo("labels: " + problem);
  }

  @Test
  void aRefusalOfAProfileSaysWhatANameIs() {
    assertThat(refusal("{\"user_id\":\"" + USER + "\",\"profile\":\"Data Science\"}"))
        .isEqualTo(
            "profile: is 'Data Science'; a name of a profile has 1 to 63 characters, lower-case"
                + " letters, digits and hyphens, no hyphen first or last");
  }

  @Test
  void noLabelsAreNotTheSameAsAnEmptyObject() throws EventFormatException {
    assertThat(ensure("{\"user_id\":\"" + USER + "\"}").labels()).isNull();
    assertThat(ensure("{\"user_id\":\"" + USER + "\",\"labels\":null}").labels()).isNull();
    Ensure none = ensure("{\"user_id\":\"" + USER + "\",\"labels\":{}}");
    assertThat(none.labels()).isEmpty();
    assertThat(new String(codec.encode(none), StandardCharsets.UTF_8)).endsWith(",\"labels\":{}}");
  }

  @Test
  void moreThanOneObjectIsRefused() {
    assertThat(refusal("{\"a\":1} {\"b\":2}"))
        .isEqualTo("value: has content after its JSON object; remove it");
  }

  /** A new line or an escape sequence would write lines and colours of its own into a log. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "\\u0000",
        "\\n",
        "\\r\\n",
        "\\t",
        "\\u001b[31m",
        "\\u007f",
        "\\u0085",
        "\\u009b",
        "\\u202e",
        "\\u2028",
        "\\u2029",
        "\\ufeff",
        "\u009b",
        "\u202e"
      })
  void controlAndInvisibleCharactersAreRefusedWhereATextIdentifies(String text) {
    for (String field : List.of("event_id", "requested_by")) {
      refusesControlCharacter(Topic.ENSURE, "{\"user_id\":\"" + USER + "\"}", field, text);
    }
    refusesControlCharacter(Topic.ACTIVITY, "{\"user_id\":\"" + USER + "\"}", "source", text);
    for (String field : List.of("container_id", "host", "worker_id")) {
      refusesControlCharacter(Topic.REAPED, ResultCodecTest.REAPED, field, text);
    }
  }

  private void refusesControlCharacter(Topic topic, String json, String field, String text) {
    String without = json.replaceAll("\"" + field + "\":\"[^\"]*\",?", "");
    String with =
        without.replaceFirst(
            "\\{", "{\"" + field + "\":\"a" + Matcher.quoteReplacement(text) + "b\",");
    assertThat(refusal(topic, with))
        .startsWith(field + ": has a control or invisible character: 'a?")
        .endsWith("b'; remove it")
        .matches("[^\\p{Cntrl}]*");
  }

  @Test
  void nothingAtAllIsRefused() {
    assertThat(refusal(Topic.ENSURE, bytes(USER), null))
        .isEqualTo("value: missing; send a JSON object");
    assertThat(refusal("")).isEqualTo("value: is not a JSON object; send {\"user_id\": …}");
    assertThat(refusal(" \n")).isEqualTo("value: is not a JSON object; send {\"user_id\": …}");
  }

  @Test
  void aFieldGivenTwiceIsRefused() {
    assertThat(refusal("{\"user_id\":\"%s\",\"user_id\":\"%s\"}".formatted(USER, USER)))
        .isEqualTo("value: has the field 'user_id' twice; send it once");
    assertThat(refusal("{\"a\":null,\"a\":1}"))
        .isEqualTo("value: has the field 'a' twice; send it once");
    assertThat(refusal("{\"\\u001b[2J\":1,\"\\u001b[2J\":1}"))
        .isEqualTo("value: has the field '?[2J' twice; send it once");
  }

  /** Jackson says "Unexpected end-of-inputNo digit following sign". */
  @ParameterizedTest
  @ValueSource(strings = {"{\"user_id\":-", "{\"user_id\":\"", "{", "{\"a\""})
  void whatEndsTooEarlyIsSaidInOneSentence(String text) {
    assertThat(refusal(text))
        .matches("value: is not JSON: it ends too early; send it whole \\(line 1, column \\d+\\)");
  }

  @Test
  void otherEncodingsThanUtf8AreRefused() {
    String json = "{\"user_id\":\"" + USER + "\"}";
    assertThat(refusal(Topic.ENSURE, bytes(USER), json.getBytes(StandardCharsets.UTF_16)))
        .isEqualTo("value: is not UTF-8");
    assertThat(refusal(Topic.ENSURE, bytes(USER), json.getBytes(StandardCharsets.UTF_16LE)))
        .startsWith("value: is not JSON");
    assertThat(
            refusal(
                Topic.ENSURE, bytes(USER), "{\"a\":\"ä\"}".getBytes(StandardCharsets.ISO_8859_1)))
        .isEqualTo("value: is not UTF-8");
    assertThat(refusal(Topic.ENSURE, bytes(USER), new byte[] {'{', (byte) 0xc0, (byte) 0x80}))
        .as("overlong NUL")
        .isEqualTo("value: is not UTF-8");
    assertThat(
            refusal(
                Topic.ENSURE,
                bytes(USER),
                new byte[] {'"', (byte) 0xed, (byte) 0xa0, (byte) 0x80, '"'}))
        .as("a surrogate in UTF-8")
        .isEqualTo("value: is not UTF-8");
  }

  @ParameterizedTest
  @ValueSource(strings = {"\ud800", "\udc00x"})
  void anUnpairedSurrogateIsWrittenAndRefusedByReaders(String text) {
    Ensure ensure = new Ensure("e-1", UserId.parse(USER), APPENDED, text, null);
    assertThat(refusal(Topic.ENSURE, bytes(USER), codec.encode(ensure)))
        .isEqualTo("requested_by: has an unpaired surrogate; send complete characters");
  }

  @Test
  void theSizeIsBounded() throws Exception {
    String head = "{\"user_id\":\"" + USER + "\"";
    String fits = head + " ".repeat(Topic.ENSURE.maxBytes() - head.length() - 1) + "}";
    assertThat(ensure(fits).userId()).hasToString(USER);
    assertThat(refusal(fits + " ")).isEqualTo("value: is 65537 bytes; at most 65536 are allowed");
  }

  @Test
  void textsNumbersAndNestingAreBounded() throws Exception {
    String form = "{\"user_id\":\"%s\",\"x\":%s}";
    assertThat(ensure(form.formatted(USER, "\"" + "y".repeat(60_000) + "\""))).isNotNull();
    assertThat(ensure(form.formatted(USER, "[".repeat(10) + "]".repeat(10)))).isNotNull();
    assertThat(ensure(form.formatted(USER, "1e999999999"))).isNotNull();
    assertThat(refusal(form.formatted(USER, "9".repeat(1000)))).startsWith("value: is not JSON");
    assertThat(refusal(form.formatted(USER, "[".repeat(5000)))).startsWith("value: is not JSON");
    assertThat(refusal(form.formatted(USER, "{\"a\":".repeat(5000))))
        .startsWith("value: is not JSON");

    String id = "{\"user_id\":\"%s\",\"event_id\":\"%s\"}";
    assertThat(ensure(id.formatted(USER, "x".repeat(4096))).eventId()).hasSize(4096);
    assertThat(refusal(id.formatted(USER, "x".repeat(4097))))
        .isEqualTo("event_id: is 4097 characters long; at most 4096 are allowed");
  }

  @Test
  void keyAndUserMustAgree() {
    String json = "{\"user_id\":\"" + USER + "\"}";
    assertThat(refusal(Topic.ENSURE, null, bytes(json)))
        .isEqualTo("key: missing; set the record key to the user_id, which decides the partition");
    assertThat(refusal(Topic.ENSURE, new byte[0], bytes(json)))
        .isEqualTo("key: is '' but user_id is '" + USER + "'; make them the same");
    assertThat(refusal(Topic.ENSURE, bytes("00000000-0000-4000-8000-000000000001"), bytes(json)))
        .startsWith("key: is '00000000-0000-4000-8000-000000000001' but user_id is '");
    assertThat(refusal(Topic.ENSURE, bytes(USER.toUpperCase(java.util.Locale.ROOT)), bytes(json)))
        .startsWith("key: is '7F3C");
    assertThat(refusal(Topic.ENSURE, bytes("\"" + USER + "\""), bytes(json)))
        .startsWith("key: is '\"7f3c");
    assertThat(refusal(Topic.ENSURE, new byte[] {(byte) 0xff}, bytes(json)))
        .isEqualTo("key: is not UTF-8");
    assertThat(refusal(Topic.ENSURE, new byte[257], bytes(json)))
        .isEqualTo("key: is 257 bytes; it must be the user_id");
  }
}
