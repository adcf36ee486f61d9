/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** {@code asyncapi.yaml} matches the code. */
class AsyncApiTest {
  private static final String SCHEMAS = "./src/main/resources/schemas/";
  private static final Path FILE = file();
  private static final JsonNode API = read();

  private static Path file() {
    for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
      Path file = at.resolve("events/asyncapi.yaml");
      if (Files.exists(file)) {
        return file;
      }
    }
    throw new AssertionError(
        "events/asyncapi.yaml is nowhere above " + Path.of("").toAbsolutePath());
  }

  private static JsonNode read() {
    try {
      return new YAMLMapper().readTree(FILE.toFile());
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void everyTopicIsAChannelAndNothingElseIs() {
    Set<String> topics = new TreeSet<>(Set.of("reply"));
    Arrays.stream(Topic.values()).forEach(topic -> topics.add(topic.named("")));
    assertThat(names(API.path("channels"))).containsExactlyInAnyOrderElementsOf(topics);
    assertThat(API.at("/channels/reply/address").isNull()).isTrue();
  }

  @ParameterizedTest
  @EnumSource
  void aTopicHasItsMessageAndItsOperation(Topic topic) throws IOException {
    String name = topic.named("");
    JsonNode channel = API.path("channels").path(name);
    assertThat(channel.path("address").asText()).isEqualTo(topic.named(Topic.DEFAULT_PREFIX));
    assertThat(names(channel.path("messages"))).containsExactly(name);
    JsonNode message = resolved(channel.path("messages").path(name));
    if (topic == Topic.DEAD_LETTER) {
      assertThat(message.has("payload")).isFalse();
    } else {
      Path schema = FILE.resolveSibling(message.at("/payload/$ref").asText());
      assertThat(message.at("/payload/$ref").asText()).isEqualTo(SCHEMAS + name + ".json");
      assertThat(Files.readString(schema)).isEqualTo(EventSchemas.json(topic));
    }
    assertThat(channel.at("/bindings/kafka/topicConfiguration/cleanup.policy/0").asText())
        .isEqualTo(topic.isTable() ? "compact" : "");
    String operation =
        (topic.isInput() ? "receive" : "send")
            + Arrays.stream(name.split("-"))
                .map(AsyncApiTest::capitalized)
                .reduce("", String::concat);
    assertThat(API.at("/operations/" + operation + "/action").asText())
        .isEqualTo(topic.isInput() ? "receive" : "send");
    assertThat(API.at("/operations/" + operation + "/channel/$ref").asText())
        .isEqualTo("#/channels/" + name);
  }

  private static String capitalized(String word) {
    return word.substring(0, 1).toUpperCase(Locale.ROOT) + word.substring(1);
  }

  @ParameterizedTest
  @EnumSource(names = "DEAD_LETTER", mode = EnumSource.Mode.EXCLUDE)
  void answersAreCorrelatedByAFieldThatTheyHave(Topic topic) {
    String location =
        API.at("/components/messages/" + topic.named("") + "/correlationId/location").asText();
    String field =
        switch (topic) {
          case ENSURE, EXEC -> "event_id";
          case READY, FAILED -> "ensure_id";
          case INPUT, STARTED, OUTPUT, EXITED -> "exec_id";
          default -> null;
        };
    assertThat(location).isEqualTo(field == null ? "" : "$message.payload#/" + field);
    if (field != null) {
      assertThat(TestSchemas.fields(topic)).contains(field);
    }
  }

  @Test
  void onlyWhatIsAnsweredCanAskForCopies() {
    for (Topic topic : Topic.values()) {
      Set<String> headers = headers(topic);
      boolean isAnswered = topic == Topic.ENSURE || topic == Topic.EXEC;
      assertThat(headers.contains(ReplyTo.HEADER)).as(topic.name()).isEqualTo(isAnswered);
      if (topic.isInput()) {
        assertThat(headers)
            .contains(
                CloudEvents.ID, CloudEvents.CONTENT_TYPE, "traceparent", "tracestate", "baggage");
      }
    }
    assertCopied("receiveEnsure", "ready", "failed");
    assertCopied("receiveExec", "ready", "started", "output", "exited");
    assertThat(names(API.at("/channels/reply/messages")))
        .containsExactlyInAnyOrder("ready", "failed", "started", "output", "exited");
  }

  private static void assertCopied(String operation, String... answers) {
    JsonNode reply = API.path("operations").path(operation).path("reply");
    assertThat(reply.at("/address/location").asText()).isEqualTo("$message.header#/zcbot_reply_to");
    assertThat(reply.path("messages").valueStream().map(each -> each.path("$ref").asText()))
        .containsExactlyInAnyOrder(
            Stream.of(answers).map("#/channels/reply/messages/"::concat).toArray(String[]::new));
  }

  @Test
  void resultsHaveTheHeadersThatWorkersWrite() {
    Activity any =
        new Activity(
            "a", UserId.parse("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10"), Instant.EPOCH, null);
    Map<String, String> written = CloudEvents.headers(any, "/s");
    Set<String> required = new TreeSet<>();
    API.at("/components/schemas/resultHeaders/allOf/1/required")
        .forEach(each -> required.add(each.asText()));
    assertThat(required).containsExactlyInAnyOrderElementsOf(written.keySet());
    for (Topic topic : Topic.values()) {
      if (!topic.isInput() && !topic.isTable() && topic != Topic.DEAD_LETTER) {
        assertThat(headers(topic)).containsAll(written.keySet()).contains(ReplyTo.COPY_OF_HEADER);
      }
    }
  }

  private static Set<String> headers(Topic topic) {
    Set<String> headers = new TreeSet<>();
    JsonNode message = API.path("components").path("messages").path(topic.named(""));
    collect(message.path("headers"), headers);
    return headers;
  }

  private static void collect(JsonNode schema, Set<String> headers) {
    JsonNode resolved = resolved(schema);
    headers.addAll(names(resolved.path("properties")));
    resolved.path("allOf").forEach(each -> collect(each, headers));
  }

  private static JsonNode resolved(JsonNode node) {
    return node.has("$ref") ? API.at(node.path("$ref").asText().substring(1)) : node;
  }

  private static List<String> names(JsonNode object) {
    List<String> names = new ArrayList<>();
    object.fieldNames().forEachRemaining(names::add);
    return names;
  }
}
