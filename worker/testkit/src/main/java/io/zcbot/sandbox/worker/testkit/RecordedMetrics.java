/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit;

import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

/** Records the metrics that tests ask for. */
public final class RecordedMetrics implements SandboxMetrics {
  /** How an ensure, or an exec whose user has no sandbox, was answered. */
  public record Ensured(String answer, Duration took) {}

  public final Queue<Ensured> ensured = new ConcurrentLinkedQueue<>();
  public final AtomicInteger expiredReleases = new AtomicInteger();
  public final List<Duration> commandStarts = new CopyOnWriteArrayList<>();
  private final Map<OutputWay, Long> outputBytes = new ConcurrentHashMap<>();

  /** The bytes of output that were published in this way. */
  public long outputBytes(OutputWay way) {
    return outputBytes.getOrDefault(way, 0L);
  }

  private final Map<Claim, Integer> claims = new ConcurrentHashMap<>();

  /** The number of new users' sandboxes, or slots for them, with this outcome. */
  public int claims(Claim how) {
    return claims.getOrDefault(how, 0);
  }

  @Override
  public void ensured(String answer, Duration took) {
    ensured.add(new Ensured(answer, took));
  }

  @Override
  public void claimed(String profile, Claim how) {
    claims.merge(how, 1, Integer::sum);
  }

  @Override
  public void commandStarted(Duration latency) {
    commandStarts.add(latency);
  }

  @Override
  public void outputPublished(OutputWay way, int bytes) {
    outputBytes.merge(way, (long) bytes, Long::sum);
  }

  @Override
  public void releaseExpired() {
    expiredReleases.incrementAndGet();
  }
}
