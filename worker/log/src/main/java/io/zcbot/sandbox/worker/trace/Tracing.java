/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.trace;

import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;
import io.zcbot.sandbox.events.UserId;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** Begins the traces of records that one consumer group reads. */
public final class Tracing {
  /** Makes no spans, but still passes traces on. */
  public static final Tracing OFF = of(OpenTelemetry.noop(), "");

  private static final String SCOPE = "io.zcbot.sandbox.worker";

  private final Tracer tracer;
  private final String group;

  private Tracing(Tracer tracer, String group) {
    this.tracer = tracer;
    this.group = group;
  }

  /**
   * Makes spans if OpenTelemetry is set up.
   *
   * @param group that reads the records
   */
  public static Tracing of(OpenTelemetry openTelemetry, String group) {
    return new Tracing(openTelemetry.getTracer(SCOPE), group);
  }

  /** Begins the trace of a record that was read and will wait in its user's lane. */
  public Trace received(ConsumerRecord<byte[], byte[]> record, UserId user) {
    TraceHeaders headers = TraceHeaders.of(record.headers());
    if (!tracer.isEnabled()) {
      return headers.equals(TraceHeaders.NONE) ? Trace.NONE : new Trace(null, headers, null, null);
    }
    // The parent is the sender's span, not this thread's.
    Context sender =
        W3CTraceContextPropagator.getInstance()
            .extract(Context.root(), headers, (from, name) -> from == null ? null : from.get(name));
    Span processing =
        tracer
            .spanBuilder("process ".concat(record.topic()))
            .setParent(sender)
            .setSpanKind(SpanKind.CONSUMER)
            .setAttribute(Names.SYSTEM, Names.KAFKA)
            .setAttribute(Names.OPERATION_NAME, "process")
            .setAttribute(Names.OPERATION_TYPE, "process")
            .setAttribute(Names.DESTINATION, record.topic())
            .setAttribute(Names.PARTITION, Integer.toString(record.partition()))
            .setAttribute(Names.OFFSET, record.offset())
            .setAttribute(Names.GROUP, group)
            .setAttribute(Names.USER, user.toString())
            .startSpan();
    Span waiting =
        tracer.spanBuilder("wait in lane").setParent(sender.with(processing)).startSpan();
    return new Trace(tracer, headers, processing, waiting);
  }
}
