/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Records of a newer version, with more fields and values, can still be read. */
class FutureEventsTest extends CodecCase {
  @ParameterizedTest
  @MethodSource("io.zcbot.sandbox.events.GoldenTest#events")
  void newFieldsAreIgnored(String file, SandboxEvent event) throws Exception {
    ObjectNode json = json(event);
    json.putObject("from_the_future").putArray("a").addArray().addObject().putNull("b");
    json.put("zz", 1.5);
    assertThat(read(event, json)).isEqualTo(event);
  }

  static Stream<Arguments> values() {
    return GoldenTest.events()
        .map(arguments -> (SandboxEvent) arguments.get()[1])
        .flatMap(
            event ->
                Stream.of("reason", "outcome", "last_use")
                    .filter(field -> json(event).has(field))
                    .map(field -> Arguments.of(event.topic(), field, event)));
  }

  @ParameterizedTest
  @MethodSource("values")
  void newValuesAreUnknownOnes(Topic topic, String field, SandboxEvent event) throws Exception {
    ObjectNode json = json(event);
    json.put(field, "from_the_future");
    assertThat(TestSchemas.problems(topic, json.toString())).isEmpty();
    SandboxEvent read = read(event, json);
    Object value =
        switch (read) {
          case Ready ready -> ready.outcome();
          case Reaped reaped -> field.equals("reason") ? reaped.reason() : reaped.lastUse();
          case Failed failed -> failed.reason();
          case Exited exited -> exited.reason();
          case Expiring expiring -> expiring.reason();
          default -> throw new AssertionError(read);
        };
    assertThat(value).hasToString("UNKNOWN");
    // Everything else is what it was.
    ObjectNode before = json(event);
    ObjectNode after = json(read);
    assertThat(after.remove(field).asText()).isEqualTo("unknown");
    before.remove(field);
    assertThat(after.toString()).isEqualTo(before.toString());
    assertThat(read(read, json(read))).isEqualTo(read);
  }

  private SandboxEvent read(SandboxEvent like, ObjectNode json) throws EventFormatException {
    return codec.decode(like.topic(), codec.key(like), bytes(json.toString()), ORIGIN);
  }

  private static ObjectNode json(SandboxEvent event) {
    byte[] value = new EventCodec().encode(event);
    return (ObjectNode)
        TestSchemas.tree(new String(value, java.nio.charset.StandardCharsets.UTF_8));
  }
}
