/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.deployment.AgentService;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** A trace that a client began continues through the worker to the answer. */
@Tag("engine")
@Tag("kafka")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TracesIT {
  private static final String BAGGAGE = "tenant=blue";

  private final InMemorySpanExporter spans = InMemorySpanExporter.create();
  private final OpenTelemetrySdk sdk =
      OpenTelemetrySdk.builder()
          .setTracerProvider(
              SdkTracerProvider.builder()
                  .addSpanProcessor(SimpleSpanProcessor.create(spans))
                  .build())
          .build();
  private Deployment deployment;

  @BeforeAll
  void deploy() throws Exception {
    deployment = new Deployment().tracedBy(sdk);
    deployment.start("a");
  }

  @AfterAll
  void leaveNothing() throws Exception {
    deployment.close();
    sdk.close();
  }

  /** Publishes like a client that creates spans itself; returns its trace. */
  private String publish(ProducerRecord<byte[], byte[]> record) throws Exception {
    Span client =
        sdk.getTracer("client")
            .spanBuilder("client")
            .setNoParent()
            .setSpanKind(SpanKind.PRODUCER)
            .startSpan();
    String trace = client.getSpanContext().getTraceId();
    String parent = "00-" + trace + "-" + client.getSpanContext().getSpanId() + "-01";
    record.headers().add("traceparent", parent.getBytes(UTF_8));
    record.headers().add("baggage", BAGGAGE.getBytes(UTF_8));
    deployment.agent().send(record);
    client.end();
    return trace;
  }

  private ProducerRecord<byte[], byte[]> record(Topic topic, UserId user, String fields) {
    return deployment.agent().record(topic, null, user, AgentService.json(user, fields));
  }

  /** The spans of a trace, once those with these names have ended, which are the last ones. */
  private List<SpanData> spansOf(String trace, String... last) {
    await(String.join(", ", last))
        .atMost(Deployment.SOON)
        .until(
            () ->
                finished(trace).stream()
                    .map(SpanData::getName)
                    .toList()
                    .containsAll(List.of(last)));
    return finished(trace);
  }

  private List<SpanData> finished(String trace) {
    return spans.getFinishedSpanItems().stream()
        .filter(span -> span.getTraceId().equals(trace))
        .toList();
  }

  /** Each span as «parent > name», without the deployment's prefix. */
  private Set<String> tree(List<SpanData> all) {
    return all.stream()
        .map(span -> name(all, span.getParentSpanId()) + " > " + name(all, span.getSpanId()))
        .collect(Collectors.toSet());
  }

  private String name(List<SpanData> all, String id) {
    return all.stream()
        .filter(span -> span.getSpanId().equals(id))
        .map(span -> span.getName().replace(deployment.topic(Topic.READY).replace("ready", ""), ""))
        .findFirst()
        .orElse("");
  }

  private ConsumerRecord<byte[], byte[]> only(Topic topic, UserId user) {
    await(topic.name()).atMost(Deployment.SOON).until(() -> !recordsOf(topic, user).isEmpty());
    List<ConsumerRecord<byte[], byte[]>> records = recordsOf(topic, user);
    assertThat(records).hasSize(1);
    return records.getFirst();
  }

  private List<ConsumerRecord<byte[], byte[]>> recordsOf(Topic topic, UserId user) {
    return deployment.log().records(topic).stream()
        .filter(record -> new String(record.key(), UTF_8).equals(user.toString()))
        .toList();
  }

  private static String header(ConsumerRecord<byte[], byte[]> record, String name) {
    Header header = record.headers().lastHeader(name);
    assertThat(header).as("%s of %s", name, record.topic()).isNotNull();
    return new String(header.value(), UTF_8);
  }

  private void assertComesFrom(ConsumerRecord<byte[], byte[]> answer, SpanData span) {
    assertThat(header(answer, "traceparent"))
        .isEqualTo("00-" + span.getTraceId() + "-" + span.getSpanId() + "-01");
    assertThat(header(answer, "baggage")).isEqualTo(BAGGAGE);
  }

  private static SpanData named(List<SpanData> all, String name) {
    return all.stream().filter(span -> span.getName().equals(name)).findFirst().orElseThrow();
  }

  @Test
  void anEnsureIsOneTraceFromTheClientToTheAnswer() throws Exception {
    UserId user = Deployment.newUser();
    String trace = publish(record(Topic.ENSURE, user, "'event_id':'e'"));
    deployment.log().awaitReady(user, 1);
    List<SpanData> all = spansOf(trace, "process " + deployment.topic(Topic.ENSURE));
    assertThat(tree(all))
        .contains(
            " > client",
            "client > process ensure",
            "process ensure > wait in lane",
            "process ensure > engine create",
            "process ensure > engine start",
            "process ensure > send live",
            "process ensure > send ready");
    SpanData process = named(all, "process " + deployment.topic(Topic.ENSURE));
    assertThat(process.getAttributes().asMap())
        .containsEntry(AttributeKey.stringKey("messaging.consumer.group.name"), deployment.id())
        .containsEntry(AttributeKey.stringKey("enduser.pseudo.id"), user.toString())
        .containsEntry(AttributeKey.stringKey("zcbot.outcome"), "created");
    SpanData send = named(all, "send " + deployment.topic(Topic.READY));
    ConsumerRecord<byte[], byte[]> ready = only(Topic.READY, user);
    assertComesFrom(ready, send);
    assertThat(send.getAttributes().asMap())
        .containsEntry(AttributeKey.longKey("messaging.kafka.offset"), ready.offset());
  }

  @Test
  void anExecIsOneTraceWithItsSandboxItsOutputAndItsEnd() throws Exception {
    UserId user = Deployment.newUser();
    String trace =
        publish(
            record(
                Topic.EXEC,
                user,
                "'event_id':'traced-exec','stream':true,'env':{'SECRET':'hidden-env'},"
                    + "'shell':'echo hidden-output'"));
    deployment.log().awaitExited("traced-exec");
    List<SpanData> all = spansOf(trace, "command", "process " + deployment.topic(Topic.EXEC));
    assertThat(tree(all))
        .contains(
            "client > process exec",
            "process exec > wait in lane",
            "process exec > engine create",
            "process exec > send ready",
            "process exec > command",
            "command > send commands",
            "command > send exited");
    assertComesFrom(only(Topic.READY, user), named(all, "send " + deployment.topic(Topic.READY)));
    assertComesFrom(only(Topic.OUTPUT, user), named(all, "command"));
    assertComesFrom(only(Topic.EXITED, user), named(all, "send " + deployment.topic(Topic.EXITED)));
    assertThat(named(all, "command").getAttributes().asMap())
        .containsEntry(AttributeKey.stringKey("zcbot.outcome"), "exited");
    // What agents and sandboxes say is in no span.
    assertThat(all.toString()).doesNotContain("hidden", "SECRET", "blue");
  }

  @Test
  void aReleaseIsOneTraceToTheEndOfTheSandbox() throws Exception {
    UserId user = Deployment.newUser();
    deployment.agent().ensured(user);
    String trace = publish(record(Topic.RELEASE, user, "'requested_by':'test'"));
    deployment.log().awaitReaped(user, Deployment.SOON);
    List<SpanData> all = spansOf(trace, "process " + deployment.topic(Topic.RELEASE));
    assertThat(tree(all))
        .contains(
            "process release > engine kill",
            "process release > send reaped",
            "process release > engine remove");
    assertComesFrom(only(Topic.REAPED, user), named(all, "send " + deployment.topic(Topic.REAPED)));
    // The ensure had no trace of its client's, so the worker began one.
    assertThat(header(only(Topic.READY, user), "traceparent")).doesNotContain(trace);
  }

  @Test
  void aForwardedRecordStaysInItsTrace() throws Exception {
    UserId user = Deployment.newUser();
    int foreign = (deployment.partitionOf(user) + 1) % deployment.partitions();
    String trace =
        publish(
            deployment
                .agent()
                .record(Topic.ENSURE, foreign, user, AgentService.json(user, "'event_id':'f'")));
    deployment.log().awaitReady(user, 1);
    assertThat(header(only(Topic.READY, user), "traceparent")).contains(trace);
  }

  @Test
  void aDeadLetterHasTheHeadersOfItsRecord() throws Exception {
    UserId user = Deployment.newUser();
    ProducerRecord<byte[], byte[]> bad =
        deployment.agent().record(Topic.EXEC, null, user, "no event");
    publish(bad);
    ConsumerRecord<byte[], byte[]> letter = only(Topic.DEAD_LETTER, user);
    for (Header header : bad.headers()) {
      assertThat(header(letter, header.key())).isEqualTo(new String(header.value(), UTF_8));
    }
  }

  @Test
  void hostileHeadersStopNothing() throws Exception {
    byte[] large = new byte[300_000];
    Arrays.fill(large, (byte) 'a');
    List<byte[]> values = List.of(new byte[0], new byte[] {(byte) 0xff, (byte) 0xc3, 0}, large);
    for (byte[] value : values) {
      UserId user = Deployment.newUser();
      ProducerRecord<byte[], byte[]> exec = record(Topic.EXEC, user, "'command':['true']");
      for (String name : List.of("traceparent", "tracestate", "baggage")) {
        exec.headers().add(name, value);
      }
      if (value.length < 10) {
        for (int i = 0; i < 10_000; i++) {
          exec.headers().add("traceparent", value);
        }
      }
      deployment.agent().send(exec);
      ConsumerRecord<byte[], byte[]> exited = only(Topic.EXITED, user);
      assertThat(exited.headers().lastHeader("baggage")).isNull();
      assertThat(exited.headers().lastHeader("tracestate")).isNull();
      assertThat(exited.headers().headers("traceparent")).hasSize(1); // the worker's own
    }
  }
}
