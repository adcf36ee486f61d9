/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class CloudEventsTest extends CodecCase {
  private static final String STRUCTURED = "application/cloudevents+json; charset=UTF-8";
  private static final String ENSURE = "{'user_id':'%s'}".formatted(USER);

  @Test
  void theAttributesAreHeaders() {
    Activity activity = new Activity("a-1", UserId.parse(USER), APPENDED, null);
    assertThat(CloudEvents.headers(activity, "/zcbot/sandbox/worker-1"))
        .containsExactly(
            Map.entry("ce_specversion", "1.0"),
            Map.entry("ce_id", "a-1"),
            Map.entry("ce_type", "io.zcbot.sandbox.activity"),
            Map.entry("ce_source", "/zcbot/sandbox/worker-1"),
            Map.entry("ce_time", "2026-11-24T12:00:00Z"),
            Map.entry("ce_subject", USER),
            Map.entry("ce_dataschema", "urn:zcbot:sandbox:activity:1"),
            Map.entry("content-type", "application/json"));
  }

  static Stream<Topic> inputs() {
    return Arrays.stream(Topic.values()).filter(Topic::isInput);
  }

  private static String event(Topic topic) {
    return switch (topic) {
      case EXEC -> "{'user_id':'%s','command':['a','b'],'env':{'A':'1'}}".formatted(USER);
      case INPUT ->
          "{'user_id':'%s','exec_id':'e','resize':{'columns':80,'rows':24}}".formatted(USER);
      default -> ENSURE;
    };
  }

  @ParameterizedTest
  @MethodSource("inputs")
  void theHeaderIsTheIdOfAnEventWithoutOne(Topic topic) throws Exception {
    SandboxEvent read = read(topic, Map.of("ce_id", "ö-1"), event(topic));
    assertThat(read.eventId()).isEqualTo("ö-1");
    assertThat(read(topic, Map.of(), event(topic)).eventId()).isEqualTo(ORIGIN.eventId());
  }

  @Test
  void anEventsOwnIdComesFirst() throws Exception {
    String own = "{'event_id':'own','user_id':'%s'}".formatted(USER);
    assertThat(read(Topic.ENSURE, Map.of("ce_id", "other"), own).eventId()).isEqualTo("own");
    assertThat(read(Topic.ENSURE, Map.of("ce_id", "\u001b"), own).eventId()).isEqualTo("own");
    String envelope = "{'id':'other','data':%s}".formatted(own);
    assertThat(read(Topic.ENSURE, structured(), envelope).eventId()).isEqualTo("own");
  }

  @Test
  void aHeaderThatIsNoIdIsRefused() {
    assertThat(refusal(Topic.ENSURE, Map.of("ce_id", ""), ENSURE))
        .isEqualTo("ce_id: is empty; give a value or leave the field out");
    assertThat(refusal(Topic.ENSURE, Map.of("ce_id", "a\u001bb"), ENSURE))
        .isEqualTo("ce_id: has a control or invisible character: 'a?b'; remove it");
    assertThat(refusal(Topic.EXEC, Map.of("ce_id", "x".repeat(257)), event(Topic.EXEC)))
        .isEqualTo("ce_id: is 257 characters long; at most 256 are allowed");
    assertThat(refusal(Topic.ENSURE, Map.of("ce_id", "x".repeat(1_000_000)), ENSURE))
        .isEqualTo("ce_id: is 12289 characters long; at most 4096 are allowed");
    assertThat(refusal(Topic.ENSURE, Map.of("ce_id", ORIGIN.topic() + "-0-9"), ENSURE))
        .startsWith("ce_id: is the position of a record of the topic")
        .endsWith("choose another, for example a UUID");
    Origin malformed = ORIGIN.with(name -> name.equals("ce_id") ? new byte[] {-1} : null);
    assertThat(refusal(Topic.ENSURE, malformed, ENSURE)).isEqualTo("ce_id: is not UTF-8");
  }

  @ParameterizedTest
  @MethodSource("inputs")
  void anEventIsReadInItsEnvelope(Topic topic) throws Exception {
    String envelope =
        "{'specversion':'1.0','id':'env-1','source':'/agents/1','type':'io.zcbot.sandbox.%s',"
                .formatted(topic.named(""))
            + "'time':'2026-11-24T12:00:00Z','x':[1],'data':%s}".formatted(event(topic));
    SandboxEvent plain = read(topic, Map.of("ce_id", "env-1"), event(topic));
    assertThat(read(topic, structured(), envelope)).isEqualTo(plain);
    assertThat(plain.eventId()).isEqualTo("env-1");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      textBlock =
          """
          {}                                  | data: missing; make it the event, a JSON object
          {'data':null}                       | data: missing; make it the event, a JSON object
          {'data':'x'}                        | data: is a string; make it an object
          {'data':[]}                         | data: is an array; make it an object
          {'data_base64':'e30='}              | data_base64: is not read; send the event in data, as an object
          {'data':{},'data_base64':'e30='}    | data_base64: is not read; send the event in data, as an object
          {'data':{}}                         | data.user_id: missing; it is required
          {'data':{'user_id':1}}              | data.user_id: is a number; make it a string
          {'data':ENSURE,'id':1}              | id: is a number; make it a string
          {'data':ENSURE,'id':' '}            | id: is empty; give a value or leave the field out
          {'data':ENSURE,'source':{}}         | source: is an object; make it a string
          {'data':ENSURE,'specversion':'0.3'} | specversion: is '0.3'; make it 1.0
          {'data':ENSURE,'type':'io.zcbot.sandbox.exec'} | type: is 'io.zcbot.sandbox.exec', but this topic is for io.zcbot.sandbox.ensure; send it to its own topic
          {'data':ENSURE,'data':ENSURE}       | value: has the field 'data' twice; send it once
          {'data':{'a':1,'a':2}}              | data: has the field 'a' twice; send it once
          []                                  | value: is not a JSON object; send {"user_id": …}
          """)
  void aWrongEnvelopeIsRefused(String envelope, String because) {
    String json = envelope.replace("ENSURE", ENSURE);
    assertThat(refusal(Topic.ENSURE, structured(), json)).isEqualTo(because);
  }

  @Test
  void typesOfOthersAreNobodysBusiness() throws Exception {
    for (String type : new String[] {"my.company.ensure", "x"}) {
      String json = "{'type':'%s','data':%s}".formatted(type, ENSURE);
      assertThat(read(Topic.ENSURE, structured(), json).eventId()).isEqualTo(ORIGIN.eventId());
    }
  }

  @Test
  void otherFormatsOfCloudEventsAreRefused() {
    for (String type :
        new String[] {"application/cloudevents-batch+json", "application/cloudevents+avro"}) {
      assertThat(refusal(Topic.ENSURE, Map.of("content-type", type), ENSURE))
          .isEqualTo(
              "content-type: is '" + type + "'; send one event in application/cloudevents+json");
    }
  }

  @ParameterizedTest
  @CsvSource({"application/json", "text/plain", "''", "APPLICATION/CLOUD"})
  void anyOtherContentTypeIsAnEvent(String type) throws Exception {
    assertThat(read(Topic.ENSURE, Map.of("content-type", type), ENSURE)).isInstanceOf(Ensure.class);
  }

  @Test
  void theBoundsInBytesHoldForTheEnvelope() {
    String padding = "x".repeat(Topic.SMALL_BYTES);
    String json = "{'x':'%s','data':%s}".formatted(padding, ENSURE);
    assertThat(refusal(Topic.ENSURE, structured(), json))
        .startsWith("value: is ")
        .endsWith(" bytes; at most 65536 are allowed");
    String fields = ",'x%d':1".repeat(1024).formatted(numbers(1024));
    String wide = "{'data':{'user_id':'%s'%s}}".formatted(USER, fields);
    assertThat(refusal(Topic.ENSURE, structured(), wide))
        .isEqualTo("data: has more than 1024 fields; send fewer");
  }

  private static Object[] numbers(int count) {
    return java.util.stream.IntStream.range(0, count).boxed().toArray();
  }

  private static Map<String, String> structured() {
    return Map.of("content-type", STRUCTURED, "ce_id", "a header of no account");
  }

  private static Origin origin(Map<String, String> headers) {
    return ORIGIN.with(
        name ->
            headers.containsKey(name) ? headers.get(name).getBytes(StandardCharsets.UTF_8) : null);
  }

  private SandboxEvent read(Topic topic, Map<String, String> headers, String json)
      throws EventFormatException {
    return codec.decode(topic, bytes(USER), bytes(json.replace('\'', '"')), origin(headers));
  }

  private String refusal(Topic topic, Map<String, String> headers, String json) {
    return refusal(topic, origin(headers), json);
  }

  private String refusal(Topic topic, Origin origin, String json) {
    return catchThrowableOfType(
            EventFormatException.class,
            () -> codec.decode(topic, bytes(USER), bytes(json.replace('\'', '"')), origin))
        .getMessage();
  }
}
