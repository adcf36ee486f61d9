/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.networknt.schema.InputFormat;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaLocation;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.MethodSource;

class EventSchemasTest {
  private static final UserId USER = UserId.parse("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
  private static final Instant AT = Instant.parse("2026-11-24T12:00:00.123Z");
  private static final ContainerRef CONTAINER = new ContainerRef("n", "c", "host-1", "worker-1");

  private final EventCodec codec = new EventCodec();

  static Stream<Topic> topics() {
    return Arrays.stream(Topic.values()).filter(topic -> topic != Topic.DEAD_LETTER);
  }

  @ParameterizedTest
  @MethodSource("topics")
  void isASchemaOfItsVersionWithAnIdAndDescriptions(Topic topic) {
    Schema meta =
        SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12)
            .getSchema(SchemaLocation.of("https://json-schema.org/draft/2020-12/schema"));
    assertThat(meta.validate(EventSchemas.json(topic), InputFormat.JSON)).isEmpty();

    JsonNode schema = TestSchemas.tree(topic);
    assertThat(schema.path("$schema").asText()).endsWith("/2020-12/schema");
    assertThat(schema.path("$id").asText()).isEqualTo(EventSchemas.id(topic));
    for (String field : TestSchemas.fields(topic)) {
      assertThat(schema.path("properties").path(field).path("description").asText())
          .as(field)
          .endsWith(".");
    }
  }

  @Test
  void deadLettersHaveNone() {
    assertThatThrownBy(() -> EventSchemas.id(Topic.DEAD_LETTER))
        .hasMessageContaining("no valid events");
  }

  @ParameterizedTest
  @MethodSource("io.zcbot.sandbox.events.GoldenTest#events")
  void describesTheGoldenFiles(String file, SandboxEvent event) throws Exception {
    try (InputStream in = EventSchemasTest.class.getResourceAsStream("/golden/" + file + ".json")) {
      String json = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      assertThat(TestSchemas.problems(event.topic(), json)).as(file).isEmpty();
    }
  }

  @Test
  void describesTheTables() {
    for (Duration ttl : new Duration[] {null, Duration.ofSeconds(60)}) {
      byte[] live = codec.encodeLive(new LiveSandbox(USER, "c", "host-1", "worker-1", AT, ttl, AT));
      assertThat(TestSchemas.problems(Topic.LIVE, live)).isEmpty();
    }
    for (String replyTo : new String[] {null, "sandbox.reply.a"}) {
      byte[] entry =
          codec.encodeCommand(new CommandEntry(USER, "e-1", 3, 17, CONTAINER, AT, false, replyTo));
      assertThat(TestSchemas.problems(Topic.COMMANDS, entry)).isEmpty();
      assertThat(TestSchemas.tree(new String(entry, StandardCharsets.UTF_8)).size())
          .isEqualTo(TestSchemas.fields(Topic.COMMANDS).size() - (replyTo == null ? 1 : 0));
    }
    byte[] current = codec.encodeCurrent(new CurrentSandbox("r-1", USER, AT, CONTAINER));
    assertThat(TestSchemas.problems(Topic.CURRENT, current)).isEmpty();
  }

  /** A value that a schema lacks would be taken for one of a newer version. */
  @Test
  void listsTheValuesThatWorkersWrite() {
    assertLists(Topic.READY, "outcome", Ready.Outcome.values());
    assertLists(Topic.REAPED, "reason", Reaped.Reason.values());
    assertLists(Topic.REAPED, "last_use", Reaped.Use.values());
    assertLists(Topic.FAILED, "reason", Failed.Reason.values());
    assertLists(Topic.EXITED, "reason", Exited.Reason.values());
    assertLists(Topic.EXPIRING, "reason", Expiring.Reason.values());
  }

  private static void assertLists(Topic topic, String field, WireName[] values) {
    Stream<JsonNode> alternatives =
        TestSchemas.tree(topic).path("properties").path(field).path("anyOf").valueStream();
    assertThat(alternatives.filter(each -> each.has("const")).map(each -> each.path("const")))
        .extracting(JsonNode::asText)
        .containsExactlyElementsOf(
            Arrays.stream(values).map(WireName::wire).filter(v -> !v.equals("unknown")).toList());
  }

  private static String unknown(int fields) {
    return IntStream.range(0, fields).mapToObj("'x%d':1"::formatted).collect(joining(","));
  }

  /** Records that both refuse. The tables below have those that only one of the two refuses. */
  static final List<String> REFUSED_BY_BOTH =
      List.of(
          "ensure []",
          "ensure {}",
          "ensure {'user_id':1}",
          "ensure {'user_id':'7F3C1D52-9A54-4C0E-8F2B-6F1D2F6F7A10'}",
          "ensure {U,'event_id':''}",
          "ensure {U,'event_id':' '}",
          "ensure {U,'event_id':'a\\u001bb'}",
          "ensure {U,'event_id':'a\\u202eb'}",
          "ensure {U,'event_id':'a\\n'}",
          "ensure {U,'requested_by':{}}",
          "ensure {U,'expires_at':'tomorrow'}",
          "ensure {U,'expires_at':1700000000}",
          "ensure {U,'idle_ttl_seconds':0}",
          "ensure {U,'idle_ttl_seconds':31536001}",
          "ensure {U,'idle_ttl_seconds':1.5}",
          "ensure {U,'idle_ttl_seconds':'60'}",
          "ensure {U,'network':[]}",
          "ensure {U,'network':'a.example'}",
          "ensure {U,'network':{'allow':'a.example'}}",
          "ensure {U,'network':{'allow':null}}",
          "ensure {U,'network':{'allow':{}}}",
          "ensure {U,'network':{'allow':[1]}}",
          "ensure {U,'network':{'allow':['']}}",
          "ensure {U,'network':{'allow':['A.example']}}",
          "ensure {U,'network':{'allow':['a.example,b.example']}}",
          "ensure {U,'network':{'allow':['" + "a".repeat(254) + "']}}",
          "ensure {U,'network':{'allow':['a'" + ",'a'".repeat(100) + "]}}",
          "ensure {U,'labels':[]}",
          "ensure {U,'labels':{'':'a'}}",
          "ensure {U,'labels':{' ':'a'}}",
          "ensure {U,'labels':{'a\\u001b':'a'}}",
          "ensure {U,'labels':{'" + "k".repeat(129) + "':'a'}}",
          "ensure {U,'labels':{'a':1}}",
          "ensure {U,'labels':{'a':null}}",
          "ensure {U,'labels':{'a':'\\u0000'}}",
          "ensure {U,'labels':{'a':'" + "v".repeat(4097) + "'}}",
          "ensure {U,'labels':{" + unknown(129).replace(":1", ":''") + "}}",
          "ensure {U,'ends_at':'tomorrow'}",
          "ensure {U,'profile':''}",
          "ensure {U,'profile':'Data'}",
          "ensure {U,'profile':'-a'}",
          "ensure {U,'profile':'a-'}",
          "ensure {U,'profile':'a_b'}",
          "ensure {U,'profile':'" + "a".repeat(64) + "'}",
          "ensure {U,'replace':'yes'}",
          "exec {U}",
          "exec {U,'command':[]}",
          "exec {U,'command':['']}",
          "exec {U,'command':'ls'}",
          "exec {U,'command':['ls',1]}",
          "exec {U,'command':[1]}",
          "exec {U,'command':['ls','\\u0000']}",
          "exec {U,'command':['ls'],'shell':'ls'}",
          "exec {U,'shell':' '}",
          "exec {U,'shell':'ls','stdin':'a','stdin_base64':'YQ=='}",
          "exec {U,'shell':'ls','stdin_base64':'!'}",
          "exec {U,'shell':'ls','env':{'A=':'b'}}",
          "exec {U,'shell':'ls','env':{'':'b'}}",
          "exec {U,'shell':'ls','env':{'A':1}}",
          "exec {U,'shell':'ls','env':['A=b']}",
          "exec {U,'shell':'ls','cwd':'src'}",
          "exec {U,'shell':'ls','timeout_seconds':0}",
          "exec {U,'shell':'ls','timeout_seconds':86401}",
          "exec {U,'shell':'ls','max_output_bytes':16777217}",
          "exec {U,'shell':'ls','tty':{'columns':80}}",
          "exec {U,'shell':'ls','tty':{'columns':0,'rows':24}}",
          "exec {U,'shell':'ls','tty':{'columns':80,'rows':10001}}",
          "exec {U,'shell':'ls','tty':{'columns':80,'rows':24," + unknown(15) + "}}",
          "exec {U,'shell':'ls','stream':'yes'}",
          "exec {U,'shell':'ls','profile':'a.b'}",
          "input {U,'exec_id':'e'}",
          "input {U,'data':'a'}",
          "input {U,'exec_id':'e','data':'a','eof':true}",
          "input {U,'exec_id':'e','eof':false}",
          "input {U,'exec_id':'e','signal':'STOP'}",
          "input {U,'exec_id':'e','resize':{'columns':80,'rows':24," + unknown(15) + "}}",
          "output {U,'event_id':'o','exec_id':'e','written_at':'2026-11-24T12:00:00Z','seq':-1,"
              + "'stream':'stdout','data':''}",
          "output {U,'event_id':'o','exec_id':'e','written_at':'2026-11-24T12:00:00Z','seq':0,"
              + "'stream':'stdlog','data':''}",
          "failed {U,'event_id':'f','ensure_id':'e','failed_at':'2026-11-24T12:00:00Z',"
              + "'reason':'capacity','message':'full'}",
          "ready {U,'event_id':'r','ensure_id':'e','ready_at':'2026-11-24T12:00:00Z',"
              + "'container_name':'n','container_id':'c','host':'h','engine':'x',"
              + "'worker_id':'w','outcome':'reused','image':'i','runtime':'r','workspace':'/w',"
              + "'took_ms':1,'idle_ttl_seconds':31536001}");

  @ParameterizedTest
  @FieldSource("REFUSED_BY_BOTH")
  void refusesWhatTheCodecRefuses(String record) {
    Record read = Record.of(record);
    assertThat(read.refusal()).as("of the codec").isNotNull();
    assertThat(TestSchemas.problems(read.topic(), read.json())).as("of the schema").isNotEmpty();
  }

  /** Records that only the codec refuses, nearly all because a schema can't express the rule. */
  static final List<String> ONLY_THE_CODEC_REFUSES =
      List.of(
          // limits in bytes, of the whole and of all arguments or variables together
          "ensure {U,'x':'" + "x".repeat(Topic.SMALL_BYTES) + "'}",
          "exec {U,'shell':'" + "é".repeat(70_000) + "'}",
          "exec {U,'command':['a','" + "b".repeat(70_000) + "','" + "c".repeat(70_000) + "']}",
          "exec {U,'shell':'ls','cwd':'/" + "é".repeat(3000) + "'}",
          "exec {U,'shell':'ls','env':{'A':'" + "é".repeat(40_000) + "'}}",
          "ensure {U,'labels':{'a':'" + "é".repeat(2048) + "'}}",
          "ensure {U,'labels':{'a':'" + "v".repeat(2048) + "','b':'" + "v".repeat(2047) + "'}}",
          "ensure {U,'network':{'allow':['a'" + (",'" + "a".repeat(253) + "'").repeat(17) + "]}}",
          // lengths in UTF-16, where a schema counts characters
          "ensure {U,'requested_by':'" + "🙂".repeat(4000) + "'}",
          // JSON as it is written
          "ensure {U,'x':1,'x':2}",
          "ensure {U,'x':" + "[".repeat(17) + "]".repeat(17) + "}",
          "ensure {U,'x':" + "9".repeat(65) + "}",
          "ensure {U,'idle_ttl_seconds':60.0}",
          "ensure {U,'event_id':'\\ud800'}",
          // invisible characters beyond 16 bits, for which regular expressions differ
          "ensure {U,'event_id':'a\\udb40\\udc01'}",
          // base64 of an impossible length
          "exec {U,'shell':'ls','stdin_base64':'A'}",
          // the position of a record, which is the id of a request without one
          "ensure {U,'event_id':'t-0-17'}",
          // a leap second
          "ensure {U,'expires_at':'2016-12-31T23:59:60Z'}");

  @ParameterizedTest
  @FieldSource("ONLY_THE_CODEC_REFUSES")
  void theCodecRefusesMore(String record) {
    Record read = Record.of(record);
    assertThat(read.refusal()).as("of the codec").isNotNull();
    assertThat(TestSchemas.problems(read.topic(), read.json())).as("of the schema").isEmpty();
  }

  /** Records that readers accept, but writers should not write. */
  static final List<String> ONLY_THE_SCHEMA_REFUSES =
      List.of(
          "ensure {U,'requested_by':null}",
          "ensure {U,'expires_at':'2026-11-24T12:00Z'}",
          "ensure {U,'expires_at':'2026-11-24T12:00:00+01'}");

  @ParameterizedTest
  @FieldSource("ONLY_THE_SCHEMA_REFUSES")
  void theCodecPutsUpWithMore(String record) {
    Record read = Record.of(record);
    assertThat(read.refusal()).as("of the codec").isNull();
    assertThat(TestSchemas.problems(read.topic(), read.json())).as("of the schema").isNotEmpty();
  }

  /** A record in short: a topic, and JSON with {@code '} for {@code "} and U for the user. */
  record Record(Topic topic, String json) {
    static Record of(String text) {
      int space = text.indexOf(' ');
      return new Record(
          TestSchemas.topic(text.substring(0, space)),
          text.substring(space + 1)
              .replace('\'', '"')
              .replace("{U", "{\"user_id\":\"" + USER + "\""));
    }

    String refusal() {
      return TestSchemas.refusal(topic, json);
    }
  }
}
