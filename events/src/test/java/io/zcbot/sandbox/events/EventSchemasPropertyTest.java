/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.regex.Pattern;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;

/** Schemas and codec agree, but for what the tables in {@link EventSchemasTest} list. */
class EventSchemasPropertyTest {
  private static final Pattern ONLY_THE_CODEC =
      Pattern.compile(
          "unpaired surrogate|is not base64|takes \\d+ bytes|is \\d+ characters|"
              + "is not a whole number");

  private final EventCodec codec = new EventCodec();

  @Provide
  Arbitrary<SandboxEvent> events() {
    return Events.any();
  }

  @Provide
  Arbitrary<String> values() {
    return Arbitraries.of(
        "null",
        "true",
        "false",
        "0",
        "-1",
        "1.5",
        "1.0",
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
        "\"00000000-0000-0000-0000-000000000000\"");
  }

  @Property(tries = 300)
  void whatIsWrittenIsDescribed(@ForAll("events") SandboxEvent event) {
    assertThat(TestSchemas.problems(event.topic(), codec.encode(event))).isEmpty();
  }

  @Property(tries = 1500)
  void anotherValueIsRefusedByBothOrNone(
      @ForAll("events") SandboxEvent event,
      @ForAll @IntRange(max = 99) int which,
      @ForAll("values") String value) {
    List<String> fields = TestSchemas.fields(event.topic());
    String field = fields.get(which % fields.size());
    ObjectNode json = (ObjectNode) TestSchemas.tree(new String(codec.encode(event), UTF_8));
    json.set(field, TestSchemas.tree(value));
    assertAgreement(event, json.toString(), field.equals("user_id"));
    if (value.equals("null")) {
      return;
    }
    json.remove(field);
    assertAgreement(event, json.toString(), false);
  }

  private void assertAgreement(SandboxEvent event, String json, boolean isKeyed) {
    String refusal = TestSchemas.refusal(event.topic(), codec.key(event), json);
    boolean isDescribed = TestSchemas.problems(event.topic(), json).isEmpty();
    if (refusal == null) {
      assertThat(isDescribed || json.contains(":null")).as(json).isTrue();
    } else if (isDescribed && !(isKeyed && refusal.startsWith("key: "))) {
      assertThat(refusal).as(json).containsPattern(ONLY_THE_CODEC);
    }
  }
}
