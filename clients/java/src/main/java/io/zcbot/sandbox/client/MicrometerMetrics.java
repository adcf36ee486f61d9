/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Metrics;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.Collections;
import java.util.Locale;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Records a client's metrics in Micrometer: {@code zcbot.client.requests} (timer; tags {@code
 * request}, {@code outcome}), {@code zcbot.client.repeated} (counter; tag {@code request}), {@code
 * zcbot.client.records} (counter; tag {@code use}), {@code zcbot.client.activities} (counter; tag
 * {@code published}) and {@code zcbot.client.in.flight} (gauge). Safe for concurrent use.
 */
@SuppressWarnings("exports") // callers have Micrometer
public final class MicrometerMetrics implements ClientMetrics {
  /** A registry keeps the first gauge of a name, so all clients of a registry share one number. */
  private static final Map<MeterRegistry, AtomicInteger> IN_FLIGHT =
      Collections.synchronizedMap(new WeakHashMap<>());

  private final MeterRegistry registry;
  private final AtomicInteger inFlight;

  private MicrometerMetrics(MeterRegistry registry) {
    this.registry = registry;
    this.inFlight = IN_FLIGHT.computeIfAbsent(registry, MicrometerMetrics::registered);
  }

  private static AtomicInteger registered(MeterRegistry registry) {
    AtomicInteger inFlight = new AtomicInteger();
    Gauge.builder("zcbot.client.in.flight", inFlight, AtomicInteger::get)
        .description("Requests that wait for their answer")
        .register(registry);
    return inFlight;
  }

  /** Returns metrics that are recorded in a registry. */
  public static ClientMetrics on(MeterRegistry registry) {
    return new MicrometerMetrics(registry);
  }

  /**
   * Returns metrics in Micrometer's global registry, or none if Micrometer is not on the class
   * path.
   */
  static ClientMetrics ifThere() {
    try {
      return Global.METRICS;
    } catch (NoClassDefFoundError e) {
      return NONE;
    }
  }

  /** Loaded only when it is used, so that the client works without Micrometer. */
  private static final class Global {
    static final ClientMetrics METRICS = on(Metrics.globalRegistry);
  }

  @Override
  public void ended(Request request, String outcome, Duration took) {
    Timer.builder("zcbot.client.requests")
        .description("From a request to its end")
        .tag("request", name(request))
        .tag("outcome", outcome)
        .register(registry)
        .record(took);
  }

  @Override
  public void repeated(Request request) {
    count("zcbot.client.repeated", "Requests that were published again", "request", name(request));
  }

  @Override
  public void read(RecordUse use) {
    count("zcbot.client.records", "Records that were read", "use", name(use));
  }

  @Override
  public void inFlight(int change) {
    inFlight.addAndGet(change);
  }

  @Override
  public void activity(boolean published) {
    count(
        "zcbot.client.activities",
        "Reports that a sandbox is used",
        "published",
        String.valueOf(published));
  }

  private void count(String name, String description, String tag, String value) {
    Counter.builder(name).description(description).tag(tag, value).register(registry).increment();
  }

  private static String name(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }
}
