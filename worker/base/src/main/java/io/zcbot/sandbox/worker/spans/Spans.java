/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.spans;

import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.ContextKey;
import org.jspecify.annotations.Nullable;

/**
 * Adds spans to the trace of this thread's record, which is in the thread's OpenTelemetry context.
 * Without a trace, or if OpenTelemetry is not set up, it adds none.
 */
public final class Spans {
  private static final ContextKey<Tracer> TRACER = ContextKey.named("zcbot-tracer");

  private Spans() {}

  /** Returns a context in which spans are made with the tracer, and none if it is null. */
  public static Context with(Context context, @Nullable Tracer tracer) {
    return tracer == null ? context : context.with(TRACER, tracer);
  }

  /** Returns the builder of a span of this thread's trace; null without one. */
  public static @Nullable SpanBuilder builder(String what, String of) {
    Tracer tracer = Context.current().get(TRACER);
    return tracer == null ? null : tracer.spanBuilder(what.concat(of));
  }

  /** Starts the span, as the current one of this thread until the step is closed. */
  public static Step begun(SpanBuilder span) {
    return Step.in(Context.current().with(span.startSpan()));
  }

  /** Wraps a task of this thread's record for another thread, as a span of its own. */
  public static Runnable carried(String name, Runnable task) {
    Context context = Context.current();
    if (context.equals(Context.root())) {
      return task;
    }
    SpanBuilder span = builder(name, "");
    Context carried = context.with(span == null ? Span.getInvalid() : span.startSpan());
    return () -> {
      try (Step _ = Step.in(carried)) {
        task.run();
      }
    };
  }

  /**
   * Begins a call of the engine.
   *
   * @param operation one of a few fixed words
   */
  public static Step engine(String operation) {
    SpanBuilder span = builder("engine ", operation);
    return span == null ? Step.NONE : begun(span.setSpanKind(SpanKind.CLIENT));
  }
}
