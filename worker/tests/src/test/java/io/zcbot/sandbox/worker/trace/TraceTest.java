/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.trace;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.spans.Spans;
import io.zcbot.sandbox.worker.spans.Step;
import java.time.Instant;
import java.util.UUID;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TraceTest {
  private static final UserId ANNA = new UserId(new UUID(1, 1));
  private static final String TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
  private static final String SENDER = "00f067aa0ba902b7";
  private static final String PARENT = "00-" + TRACE + "-" + SENDER + "-01";

  private final InMemorySpanExporter spans = InMemorySpanExporter.create();
  private final OpenTelemetrySdk sdk = sdk(Sampler.parentBased(Sampler.alwaysOn()));
  private final Tracing tracing = Tracing.of(sdk, "workers");

  private OpenTelemetrySdk sdk(Sampler sampler) {
    return OpenTelemetrySdk.builder()
        .setTracerProvider(
            SdkTracerProvider.builder()
                .setSampler(sampler)
                .addSpanProcessor(SimpleSpanProcessor.create(spans))
                .build())
        .build();
  }

  @AfterEach
  void nothingIsLeftBehind() {
    assertThat(Context.current()).isSameAs(Context.root());
    sdk.close();
  }

  private static ConsumerRecord<byte[], byte[]> ensure(String... headers) {
    ConsumerRecord<byte[], byte[]> record =
        new ConsumerRecord<>("sandbox.ensure", 3, 42, new byte[0], new byte[0]);
    for (int i = 0; i < headers.length; i += 2) {
      record.headers().add(headers[i], headers[i + 1].getBytes(UTF_8));
    }
    return record;
  }

  private static ProducerRecord<byte[], byte[]> ready() {
    return new ProducerRecord<>("sandbox.ready", null, new byte[0], new byte[0], null);
  }

  private static @Nullable String text(ProducerRecord<?, ?> record, String name) {
    Header header = record.headers().lastHeader(name);
    return header == null ? null : new String(header.value(), UTF_8);
  }

  private SpanData span(String name) {
    return spans.getFinishedSpanItems().stream()
        .filter(span -> span.getName().equals(name))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void withoutOpenTelemetryAnAnswerHasTheHeadersOfItsRecord() {
    ConsumerRecord<byte[], byte[]> record =
        ensure("traceparent", "cc" + PARENT.substring(2), "tracestate", "a=b", "baggage", "c=d");
    ProducerRecord<byte[], byte[]> answer = ready();
    try (Step _ = Tracing.OFF.received(record, ANNA).begin()) {
      Trace.addTo(answer.headers());
      try (Step _ = Trace.sending(answer)) {
        Trace.acknowledged(new RecordMetadata(new TopicPartition("t", 0), 0, 0, 0, 0, 0));
      }
    }
    assertThat(answer.headers()).isEqualTo(record.headers());
  }

  @Test
  void withoutATraceNothingIsAdded() {
    ProducerRecord<byte[], byte[]> answer = ready();
    try (Step step = Tracing.OFF.received(ensure(), ANNA).begin()) {
      assertThat(step).isSameAs(Step.NONE);
      Trace.addTo(answer.headers());
    }
    assertThat(answer.headers()).isEmpty();
  }

  @Test
  void spansFormATreeBelowTheSendersSpan() {
    Trace trace =
        tracing.received(
            ensure("traceparent", PARENT, "tracestate", "a=b", "baggage", "c=d"), ANNA);
    ProducerRecord<byte[], byte[]> answer = ready();
    try (Step _ = trace.begin()) {
      try (Step _ = Spans.engine("create")) {
        assertThat(spans.getFinishedSpanItems())
            .extracting(SpanData::getName)
            .containsOnly("wait in lane");
      }
      Trace.addTo(answer.headers());
      try (Step _ = Trace.sending(answer)) {
        Trace.acknowledged(
            new RecordMetadata(new TopicPartition("sandbox.ready", 2), 7, 0, 0, 0, 0));
      }
    }
    SpanData process = span("process sandbox.ensure");
    SpanData send = span("send sandbox.ready");
    assertThat(spans.getFinishedSpanItems()).hasSize(4).allMatch(s -> s.getTraceId().equals(TRACE));
    assertThat(process.getParentSpanId()).isEqualTo(SENDER);
    assertThat(process.getParentSpanContext().isRemote()).isTrue();
    assertThat(process.getKind()).isEqualTo(SpanKind.CONSUMER);
    for (String child : new String[] {"wait in lane", "engine create", "send sandbox.ready"}) {
      assertThat(span(child).getParentSpanId()).isEqualTo(process.getSpanId());
    }
    assertThat(span("engine create").getKind()).isEqualTo(SpanKind.CLIENT);
    assertThat(send.getKind()).isEqualTo(SpanKind.PRODUCER);
    assertThat(text(answer, "traceparent"))
        .isEqualTo("00-" + TRACE + "-" + send.getSpanId() + "-01");
    assertThat(text(answer, "tracestate")).isEqualTo("a=b");
    assertThat(text(answer, "baggage")).isEqualTo("c=d");
    assertThat(answer.headers()).hasSize(3);
    assertThat(process.getAttributes().asMap())
        .containsOnlyKeys(
            Names.SYSTEM,
            Names.OPERATION_NAME,
            Names.OPERATION_TYPE,
            Names.DESTINATION,
            Names.PARTITION,
            Names.OFFSET,
            Names.GROUP,
            Names.USER)
        .containsEntry(Names.PARTITION, "3")
        .containsEntry(Names.OFFSET, 42L)
        .containsEntry(Names.GROUP, "workers")
        .containsEntry(Names.USER, ANNA.toString());
    assertThat(send.getAttributes().asMap())
        .containsEntry(Names.DESTINATION, "sandbox.ready")
        .containsEntry(Names.PARTITION, "2")
        .containsEntry(Names.OFFSET, 7L);
  }

  @Test
  void whatIsOnlyHandedOverNamesTheSpanThatWroteIt() {
    ProducerRecord<byte[], byte[]> output = ready();
    try (Step _ = tracing.received(ensure("traceparent", PARENT), ANNA).begin()) {
      Spans.carried("command", () -> Trace.addTo(output.headers())).run();
    }
    SpanData command = span("command");
    assertThat(command.getParentSpanId()).isEqualTo(span("process sandbox.ensure").getSpanId());
    assertThat(text(output, "traceparent")).contains(TRACE + "-" + command.getSpanId());
  }

  @Test
  void aRecordWithoutATraceBeginsOne() {
    ProducerRecord<byte[], byte[]> answer = ready();
    try (Step _ = tracing.received(ensure("tracestate", "a=b"), ANNA).begin()) {
      Trace.addTo(answer.headers());
    }
    SpanData process = span("process sandbox.ensure");
    assertThat(process.getParentSpanContext().isValid()).isFalse();
    assertThat(text(answer, "traceparent")).contains(process.getTraceId());
    assertThat(text(answer, "tracestate")).isNull();
  }

  @Test
  void whatTheSamplerLeavesOutIsPassedOnAsLeftOut() {
    ProducerRecord<byte[], byte[]> answer = ready();
    String unsampled = "00-" + TRACE + "-" + SENDER + "-00";
    try (Step _ = tracing.received(ensure("traceparent", unsampled), ANNA).begin()) {
      Trace.addTo(answer.headers());
      try (Step _ = Trace.sending(answer)) {
        assertThat(text(answer, "traceparent")).startsWith("00-" + TRACE).endsWith("-00");
      }
    }
    assertThat(spans.getFinishedSpanItems()).isEmpty();
  }

  @Test
  void aWorkersOwnDoingIsInNoTrace() {
    ProducerRecord<byte[], byte[]> reaped = ready();
    Trace.addTo(reaped.headers());
    try (Step sending = Trace.sending(reaped);
        Step asking = Spans.engine("list")) {
      assertThat(sending).isSameAs(Step.NONE);
      assertThat(asking).isSameAs(Step.NONE);
      asking.failed("unavailable");
    }
    assertThat(reaped.headers()).isEmpty();
    assertThat(spans.getFinishedSpanItems()).isEmpty();
    Runnable task = () -> {};
    assertThat(Spans.carried("command", task)).isSameAs(task);
  }

  @Test
  void internalTablesDoNotCarryTraces() {
    ProducerRecord<byte[], byte[]> entry =
        new ProducerRecord<>("sandbox.live", 0, new byte[0], new byte[0]);
    try (Step _ = tracing.received(ensure("traceparent", PARENT), ANNA).begin();
        Step _ = Trace.sending(entry)) {
      assertThat(entry.headers()).isEmpty();
    }
    assertThat(span("send sandbox.live").getTraceId()).isEqualTo(TRACE);
  }

  @Test
  void errorsAreNamedAndTheirTextIsNot() {
    try (Step _ = tracing.received(ensure(), ANNA).begin()) {
      try (Step engine = Spans.engine("start")) {
        engine.failed("unavailable");
      }
      Trace.answered(
          new Failed("id", ANNA, "e", Instant.EPOCH, Failed.Reason.CAPACITY, "secret", true));
    }
    SpanData process = span("process sandbox.ensure");
    assertThat(process.getStatus().getStatusCode()).isEqualTo(StatusCode.ERROR);
    assertThat(process.getAttributes().get(Names.OUTCOME)).isEqualTo("capacity");
    assertThat(span("engine start").getAttributes().get(AttributeKey.stringKey("error.type")))
        .isEqualTo("unavailable");
    assertThat(spans.getFinishedSpanItems().toString()).doesNotContain("secret");
  }

  @Test
  void aRecordWhoseTurnDoesNotComeLeavesNoOpenSpan() {
    tracing.received(ensure(), ANNA).drop();
    assertThat(spans.getFinishedSpanItems()).hasSize(2);
    Tracing.OFF.received(ensure(), ANNA).drop();
    Tracing.of(OpenTelemetry.noop(), "").received(ensure("traceparent", PARENT), ANNA).drop();
    assertThat(spans.getFinishedSpanItems()).hasSize(2);
  }

  @Test
  void aPublishedRecordCanBeSentAgain() {
    ProducerRecord<byte[], byte[]> answer = ready();
    try (Step _ = tracing.received(ensure("traceparent", PARENT), ANNA).begin()) {
      Trace.addTo(answer.headers());
      try (Step _ = Trace.sending(answer)) {
        ((RecordHeaders) answer.headers()).setReadOnly();
      }
    }
    assertThat(answer.headers().headers("traceparent")).hasSize(1);
  }
}
