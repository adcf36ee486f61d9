/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import com.fasterxml.jackson.core.JsonGenerator;
import io.zcbot.sandbox.worker.audit.result.Latency;
import java.io.IOException;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.IntCountsHistogram;

/**
 * How many ensures came in the last ten minutes, how they were answered, and how much failed.
 * Guarded by the lock of {@link Fleet}.
 */
final class Rates {
  static final long STEP_MS = 10_000;
  static final int STEPS = 60;
  private static final long MOST_MS = 600_000;

  private final Step[] steps = new Step[STEPS];

  private static final class Step {
    long number = Long.MIN_VALUE;
    int ensures;
    int ready;
    int failed;
    int commands;

    /**
     * Grows with the longest latency; with the whole range, those of all steps would take 430 KB.
     */
    final IntCountsHistogram latency = new IntCountsHistogram(2);

    void begin(long number) {
      this.number = number;
      ensures = 0;
      ready = 0;
      failed = 0;
      commands = 0;
      latency.reset();
    }
  }

  Rates() {
    for (int i = 0; i < STEPS; i++) {
      steps[i] = new Step();
    }
  }

  void asked(long time) {
    step(time).ensures++;
  }

  void ready(long time, long latencyMs) {
    Step step = step(time);
    step.ready++;
    step.latency.recordValue(Math.clamp(latencyMs, 0, MOST_MS));
  }

  void failed(long time) {
    step(time).failed++;
  }

  void command(long time) {
    step(time).commands++;
  }

  /** The step of a time. Older times are counted in a step that is never shown. */
  private Step step(long time) {
    long number = Math.floorDiv(time, STEP_MS);
    Step step = steps[Math.floorMod(number, STEPS)];
    if (number < step.number) {
      return new Step();
    }
    if (number > step.number) {
      step.begin(number);
    }
    return step;
  }

  /** How many failures there were in the last five minutes. */
  int recentFailures(long now) {
    long last = Math.floorDiv(now, STEP_MS);
    int failures = 0;
    for (Step step : steps) {
      if (step.number > last - STEPS / 2 && step.number <= last) {
        failures += step.failed;
      }
    }
    return failures;
  }

  /** Writes one array per step, oldest first, and the percentiles of the last five minutes. */
  void write(long now, JsonGenerator json) throws IOException {
    long last = Math.floorDiv(now, STEP_MS);
    Histogram recent = new Histogram(MOST_MS, 2);
    json.writeArrayFieldStart("series");
    for (long number = last - STEPS + 1; number <= last; number++) {
      Step step = steps[Math.floorMod(number, STEPS)];
      boolean isKept = step.number == number;
      json.writeStartArray();
      json.writeNumber(isKept ? step.ensures : 0);
      json.writeNumber(isKept ? step.ready : 0);
      json.writeNumber(isKept ? step.failed : 0);
      json.writeNumber(isKept ? step.commands : 0);
      json.writeNumber(isKept && step.ready > 0 ? step.latency.getValueAtPercentile(99) : 0);
      json.writeEndArray();
      if (isKept && number > last - STEPS / 2) {
        recent.add(step.latency);
      }
    }
    json.writeEndArray();
    Latency latency = Latency.of(recent);
    json.writeObjectFieldStart("latency");
    json.writeNumberField("count", latency.count());
    json.writeNumberField("p50", latency.p50());
    json.writeNumberField("p99", latency.p99());
    json.writeNumberField("max", latency.max());
    json.writeEndObject();
  }
}
