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
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.header.Headers;
import org.jspecify.annotations.Nullable;

/**
 * The trace of a record that is worked on. It is known to the threads that work on it, and to
 * nobody else: what a worker does by itself is in no trace. So what is published and what the
 * engine is asked for need not be told which record it is for.
 *
 * <p>Where OpenTelemetry is not set up there are no spans, and what is published has the headers of
 * the record.
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

  /** The id of the trace that a record belongs to; null if it belongs to none. */
  public static @Nullable String idOf(Headers headers) {
    String parent = TraceHeaders.of(headers).parent();
    return parent == null ? null : parent.substring(3, 35);
  }

  /** How many bytes are kept of a record's headers for its trace, as long as it is worked on. */
  public static int sizeOf(Headers headers) {
    return TraceHeaders.of(headers).bytes();
  }

  /** The record's turn has come: this thread works on it until the step is closed. */
  public Step begin() {
    if (this == NONE) {
      return Step.NONE;
    }
    waiting.end();
    return Step.in(Context.root().with(KEY, this).with(processing));
  }

  /** The record's turn will not come. */
  public void drop() {
    waiting.end();
    Step.failed(processing, "stopped");
    processing.end();
  }

  /** What goes on with this thread's record on another thread, as a part of its own. */
  public static Runnable carried(String name, Runnable task) {
    Context context = Context.current();
    Trace trace = context.get(KEY);
    if (trace == null) {
      return task;
    }
    Span span =
        trace.tracer == null ? Span.getInvalid() : trace.tracer.spanBuilder(name).startSpan();
    Context carried = context.with(span);
    return () -> {
      try (Step _ = Step.in(carried)) {
        task.run();
      }
    };
  }

  /**
   * The engine is asked for something.
   *
   * @param operation one of few words
   */
  public static Step engine(String operation) {
    SpanBuilder span = builder("engine ", operation);
    return span == null ? Step.NONE : begun(span.setSpanKind(SpanKind.CLIENT));
  }

  /** A record is sent. If it belongs to a trace, whoever reads it goes on from here. */
  public static Step sending(ProducerRecord<byte[], byte[]> record) {
    SpanBuilder span = builder("send ", record.topic());
    if (span == null) {
      return Step.NONE;
    }
    Step step =
        begun(
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

  private static @Nullable SpanBuilder builder(String what, String of) {
    Trace trace = Context.current().get(KEY);
    return trace == null || trace.tracer == null ? null : trace.tracer.spanBuilder(what.concat(of));
  }

  private static Step begun(SpanBuilder span) {
    return Step.in(Context.current().with(span.startSpan()));
  }

  /** The log has the record that is sent. */
  public static void acknowledged(RecordMetadata at) {
    Span span = Span.current();
    if (span.isRecording()) {
      span.setAttribute(Names.PARTITION, Integer.toString(at.partition()))
          .setAttribute(Names.OFFSET, at.offset());
    }
  }

  /** This thread's record comes to this answer, which is about to be sent. */
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

  /** The sender's state is in the span, as the sampler left it. */
  private static void addSpan(Headers headers) {
    headers.remove(TraceHeaders.PARENT);
    headers.remove(TraceHeaders.STATE);
    W3CTraceContextPropagator.getInstance()
        .inject(
            Context.current(), headers, (_, name, value) -> TraceHeaders.add(headers, name, value));
  }
}
