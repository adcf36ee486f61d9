/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Schemas and codec agree on any value, except for the cases in the tables of EventSchemasTest. */
class SchemaAgreementTest {
  private static final Pattern ONLY_THE_CODEC = Pattern.compile("unpaired surrogate|is not base64");

  /** To a schema it is a whole number. */
  private static final String WRITTEN_AS_FRACTION = "1.0";

  private static final List<String> VALUES =
      List.of(
          "null",
          "true",
          "false",
          "0",
          "-1",
          "1.5",
          WRITTEN_AS_FRACTION,
          "256",
          "99999",
          "2147483648",
          "9".repeat(19),
          "9".repeat(60),
          "\"\"",
          "\" \"",
          "\"x\"",
          "\"x\\n\"",
          "\"\\u0000\"",
          "\"\\u202e\"",
          "\"\\ud800\"",
          "[]",
          "{}",
          "[[[[]]]]",
          "[\"\"]",
          "[\"ls\"]",
          "[\"ls\",\"\\u0000\"]",
          "[\"ls\",[1]]",
          "{\"A\":\"b\"}",
          "{\"=\":\"a\"}",
          "{\"columns\":80,\"rows\":24}",
          "{\"columns\":80,\"rows\":\"x\"}",
          "\"AAA\"",
          "\"////\"",
          "\"/a\"",
          "\"2026-11-24T12:00:00Z\"",
          "\"idle\"",
          "\"INT\"",
          "\"stdout\"",
          "\"00000000-0000-0000-0000-000000000000\"",
          "\"7F3C1D52-9A54-4C0E-8F2B-6F1D2F6F7A10\"",
          "[1]",
          "[\"\\u0000\"]",
          "{\"A\":1}",
          "{\"A\":\"\\u0000\"}",
          "{\"\":\"a\"}",
          "{\"columns\":0,\"rows\":24}",
          "{\"columns\":80}",
          "\"1.5\"");

  private final EventCodec codec = new EventCodec();

  @ParameterizedTest
  @MethodSource("io.zcbot.sandbox.events.GoldenTest#events")
  void eachFieldWithEachValueIsRefusedByBothOrNone(String file, SandboxEvent event) {
    String golden = new String(codec.encode(event), StandardCharsets.UTF_8);
    for (String field : TestSchemas.fields(event.topic())) {
      for (String value : VALUES) {
        ObjectNode json = (ObjectNode) TestSchemas.tree(golden);
        json.set(field, TestSchemas.tree(value));
        assertAgreement(event, json.toString(), value.equals(WRITTEN_AS_FRACTION));
      }
      ObjectNode json = (ObjectNode) TestSchemas.tree(golden);
      json.remove(field);
      assertAgreement(event, json.toString(), false);
    }
  }

  private void assertAgreement(SandboxEvent event, String json, boolean hasFraction) {
    String refusal = TestSchemas.refusal(event.topic(), codec.key(event), json);
    boolean isDescribed = TestSchemas.problems(event.topic(), json).isEmpty();
    if (refusal == null) {
      assertThat(isDescribed || json.contains(":null")).as(json).isTrue();
    } else if (isDescribed
        && !(hasFraction && refusal.contains("is not a whole number"))
        && !refusal.startsWith("key: ")) { // another user than the key's
      assertThat(refusal).as(json).containsPattern(ONLY_THE_CODEC);
    }
  }
}
