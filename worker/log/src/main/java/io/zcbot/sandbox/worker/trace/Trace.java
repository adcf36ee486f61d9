/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.trace;

import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.ContextKey;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.worker.spans.Spans;
import io.zcbot.sandbox.worker.spans.Step;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.header.Headers;
import org.jspecify.annotations.Nullable;

/**
 * The trace of a record that is worked on. It is kept in the OpenTelemetry context of the threads
 * that work on the record, so callers need not pass it on when they publish or call the engine.
 * What a worker does by itself belongs to no trace.
 *
 * <p>If OpenTelemetry is not set up, there are no spans, and published records get the trace
 * headers of the input record.
 */
public final class Trace {
  static final Trace NONE = new Trace(null, TraceHeaders.NONE, null, null);

  private static final ContextKey<Trace> KEY = ContextKey.named("zcbot-trace");

  private final @Nullable Tracer tracer;
  private final TraceHeaders headers;
  private final Span processing;
  private final Span waiting;

  Trace(
      @Nullable Tracer tracer,
      TraceHeaders headers,
      @Nullable Span processing,
      @Nullable Span waiting) {
    this.tracer = tracer;
    this.headers = headers;
    this.processing = processing == null ? Span.getInvalid() : processing;
    this.waiting = waiting == null ? Span.getInvalid() : waiting;
  }

  /** The id of a record's trace; null if it has none. */
  public static @Nullable String idOf(Headers headers) {
    String parent = TraceHeaders.of(headers).parent();
    return parent == null ? null : parent.substring(3, 35);
  }

  /** The bytes of a record's headers that are kept for its trace while it is worked on. */
  public static int sizeOf(Headers headers) {
    return TraceHeaders.of(headers).bytes();
  }

  /** Begins the work on the record, on this thread, until the step is closed. */
  public Step begin() {
    if (this == NONE) {
      return Step.NONE;
    }
    waiting.end();
    return Step.in(Spans.with(Context.root(), tracer).with(KEY, this).with(processing));
  }

  /** Ends the spans of a record that will not be worked on. */
  public void drop() {
    waiting.end();
    Step.failed(processing, "stopped");
    processing.end();
  }

  /**
   * Begins to send a record. If the record belongs to a trace, its reader continues from this span.
   */
  public static Step sending(ProducerRecord<byte[], byte[]> record) {
    SpanBuilder span = Spans.builder("send ", record.topic());
    if (span == null) {
      return Step.NONE;
    }
    Step step =
        Spans.begun(
            span.setSpanKind(SpanKind.PRODUCER)
                .setAttribute(Names.SYSTEM, Names.KAFKA)
                .setAttribute(Names.OPERATION_NAME, "send")
                .setAttribute(Names.OPERATION_TYPE, "send")
                .setAttribute(Names.DESTINATION, record.topic()));
    if (record.headers().lastHeader(TraceHeaders.PARENT) != null) {
      addSpan(record.headers());
    }
    return step;
  }

  /** Notes the position of the sent record. */
  public static void acknowledged(RecordMetadata at) {
    Span span = Span.current();
    if (span.isRecording()) {
      span.setAttribute(Names.PARTITION, Integer.toString(at.partition()))
          .setAttribute(Names.OFFSET, at.offset());
    }
  }

  /** Notes the answer of this thread's record, which is about to be sent. */
  public static void answered(SandboxEvent answer) {
    Span span = Span.current();
    if (!span.isRecording()) {
      return;
    }
    switch (answer) {
      case Ready ready -> span.setAttribute(Names.OUTCOME, ready.outcome().wire());
      case Reaped reaped -> span.setAttribute(Names.OUTCOME, reaped.reason().wire());
      case Failed failed -> {
        span.setAttribute(Names.OUTCOME, failed.reason().wire());
        Step.failed(span, failed.reason().wire());
      }
      case Exited exited -> {
        span.setAttribute(Names.OUTCOME, exited.reason().wire());
        if (exited.reason() != Exited.Reason.EXITED) {
          Step.failed(span, exited.reason().wire());
        }
      }
      default -> {}
    }
  }

  /** Adds this thread's trace to a record that is about to be published. */
  public static void addTo(Headers headers) {
    Trace trace = Context.current().get(KEY);
    if (trace == null) {
      return;
    }
    if (trace.tracer == null) {
      trace.headers.addTo(headers);
    } else {
      addSpan(headers);
      TraceHeaders.add(headers, TraceHeaders.BAGGAGE, trace.headers.baggage());
    }
  }

  /** Replaces the trace headers by those of the current span, which includes the sender's state. */
  private static void addSpan(Headers headers) {
    headers.remove(TraceHeaders.PARENT);
    headers.remove(TraceHeaders.STATE);
    W3CTraceContextPropagator.getInstance()
        .inject(
            Context.current(), headers, (_, name, value) -> TraceHeaders.add(headers, name, value));
  }
}
