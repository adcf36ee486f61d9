/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.spans;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;

/** A part of the work on a record, as a span. The thread that began it must close it. */
public final class Step implements AutoCloseable {
  public static final Step NONE = new Step(Span.getInvalid(), Scope.noop());

  /** The attribute of a span that failed, as OpenTelemetry names it. */
  public static final AttributeKey<String> ERROR = AttributeKey.stringKey("error.type");

  private final Span span;
  private final Scope scope;

  private Step(Span span, Scope scope) {
    this.span = span;
    this.scope = scope;
  }

  /** Makes the context the current one of this thread until the step is closed. */
  @SuppressWarnings("MustBeClosedChecker") // closed with the step
  public static Step in(Context context) {
    return new Step(Span.fromContext(context), context.makeCurrent());
  }

  /** The work of a step. */
  @FunctionalInterface
  public interface Work {
    Object run() throws Throwable;
  }

  /** Runs the work, and notes the class of an exception. */
  public void run(Work work) throws Throwable {
    try {
      var _ = work.run();
    } catch (Throwable e) {
      failed(e.getClass().getSimpleName());
      throw e;
    }
  }

  /**
   * Notes that the step failed.
   *
   * @param error one of a few fixed words: text of an engine, a log or an agent must not get into a
   *     trace
   */
  public void failed(String error) {
    failed(span, error);
  }

  /** Notes that what the span is about failed. */
  public static void failed(Span span, String error) {
    span.setAttribute(ERROR, error).setStatus(StatusCode.ERROR);
  }

  @Override
  public void close() {
    scope.close();
    span.end();
  }
}
