/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import io.helidon.webserver.http.Filter;
import io.helidon.webserver.http.FilterChain;
import io.helidon.webserver.http.RoutingRequest;
import io.helidon.webserver.http.RoutingResponse;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.zcbot.sandbox.gateway.ports.Ports;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Measures requests. The names of calls are those of routes, and never what a client wrote, so that
 * their number has a bound.
 */
final class RequestMetrics implements Filter {
  private static final Set<String> METHODS = Set.of("GET", "POST", "PUT", "DELETE");

  /** Calls whose answers go on for as long as a command or a watch does. */
  private static final Set<String> STREAMS =
      Set.of(
          "/process.Process/Start",
          "/process.Process/Connect",
          "/filesystem.Filesystem/WatchDir",
          "/execute");

  private static final Duration[] BUCKETS = {
    Duration.ofMillis(5),
    Duration.ofMillis(10),
    Duration.ofMillis(20),
    Duration.ofMillis(50),
    Duration.ofMillis(100),
    Duration.ofMillis(500),
    Duration.ofSeconds(2),
    Duration.ofSeconds(10)
  };

  private final MeterRegistry registry;
  private final AtomicInteger requests = new AtomicInteger();
  private final AtomicInteger streams = new AtomicInteger();

  RequestMetrics(MeterRegistry registry) {
    this.registry = registry;
    Gauge.builder("zcbot.gateway.requests.open", requests, AtomicInteger::get)
        .description("Requests that are being answered, with streams")
        .strongReference(true)
        .register(registry);
    Gauge.builder("zcbot.gateway.streams.open", streams, AtomicInteger::get)
        .description("Streams of commands and of watches that are open")
        .strongReference(true)
        .register(registry);
  }

  @Override
  public void filter(FilterChain chain, RoutingRequest request, RoutingResponse response) {
    long startedAt = System.nanoTime();
    boolean isStream = STREAMS.contains(request.path().path());
    response.beforeSend(
        () -> record(request, response.status().code(), System.nanoTime() - startedAt));
    requests.incrementAndGet();
    if (isStream) {
      streams.incrementAndGet();
    }
    try {
      chain.proceed();
    } finally {
      requests.decrementAndGet();
      if (isStream) {
        streams.decrementAndGet();
      }
    }
  }

  private void record(RoutingRequest request, int status, long nanos) {
    boolean isForPort = Ports.isForPort(request);
    Timer.builder("zcbot.gateway.request")
        .description("Time from a request until its answer begins")
        .tag("call", isForPort ? "port" : call(request))
        // That of a port is chosen by a server in a sandbox.
        .tag("status", isForPort ? status / 100 + "xx" : Integer.toString(status))
        .serviceLevelObjectives(BUCKETS)
        .register(registry)
        .record(Duration.ofNanos(nanos));
  }

  private static String call(RoutingRequest request) {
    String method = request.prologue().method().text();
    return request
        .matchingPattern()
        .map(pattern -> (METHODS.contains(method) ? method : "other") + " " + pattern)
        .orElse("none");
  }
}
