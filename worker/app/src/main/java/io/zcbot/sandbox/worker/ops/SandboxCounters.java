/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Counts ensures, reaps, claims, commands and calls of the engine. Thread-safe. */
final class SandboxCounters implements SandboxMetrics {
  /** Upper bounds of the histogram, from a running sandbox's ensure to a slow create. */
  private static final Duration[] ENSURE_BUCKETS =
      buckets(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000);

  private static final Duration[] ENGINE_BUCKETS =
      buckets(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000);

  private final MeterRegistry registry;
  private final boolean byProfile;

  // cached, because looking a timer up in the registry costs as much as recording
  private final Map<String, Timer> ensures = new ConcurrentHashMap<>();
  private final Map<String, Map<String, Timer>> engineCalls = new ConcurrentHashMap<>();

  /**
   * Registers every known series with the value zero, so that a first occurrence shows as an
   * increase.
   *
   * @param byProfile whether claims are also counted for each profile
   */
  SandboxCounters(MeterRegistry registry, Collection<String> engineOperations, boolean byProfile) {
    this.registry = registry;
    this.byProfile = byProfile;
    EnumSet.complementOf(EnumSet.of(Ready.Outcome.UNKNOWN))
        .forEach(outcome -> ensures(outcome.wire()));
    EnumSet.complementOf(EnumSet.of(Failed.Reason.UNKNOWN))
        .forEach(reason -> ensures(reason.wire()));
    EnumSet.complementOf(EnumSet.of(Reaped.Reason.UNKNOWN)).forEach(this::reaps);
    for (EngineException.Kind kind : EngineException.Kind.values()) {
      if (kind.isRetryable()) {
        retries(kind);
      }
    }
    for (Claim how : Claim.values()) {
      claims(how);
      if (byProfile) {
        profileClaims(ProfileName.DEFAULT, how);
      }
    }
    for (ChannelWay way : ChannelWay.values()) {
      channels(way);
    }
    for (EgressRefusal reason : EgressRefusal.values()) {
      egressRefusals(reason);
    }
    fallbacks();
    expiredReleases();
    commandStarts();
    for (OutputWay way : OutputWay.values()) {
      outputs(way);
    }
    EnumSet.complementOf(EnumSet.of(Exited.Reason.UNKNOWN)).forEach(this::commands);
    engineOperations.forEach(operation -> engineCalls(operation, "ok"));
  }

  @Override
  public void ensured(String answer, Duration took) {
    ensures.computeIfAbsent(answer, this::ensures).record(took);
  }

  @Override
  public void engineCall(String operation, String result, Duration took) {
    engineCalls
        .computeIfAbsent(operation, _ -> new ConcurrentHashMap<>())
        .computeIfAbsent(result, _ -> engineCalls(operation, result))
        .record(took);
  }

  @Override
  public void reaped(Reaped.Reason reason) {
    reaps(reason).increment();
  }

  @Override
  public void retried(EngineException.Kind because) {
    retries(because).increment();
  }

  @Override
  public void claimed(String profile, Claim how) {
    claims(how).increment();
    if (byProfile) {
      profileClaims(profile, how).increment();
    }
  }

  @Override
  public void channelOpened(ChannelWay way) {
    channels(way).increment();
  }

  @Override
  public void channelFellBack() {
    fallbacks().increment();
  }

  @Override
  public void egressRefused(EgressRefusal reason, int count) {
    egressRefusals(reason).increment(count);
  }

  @Override
  public void releaseExpired() {
    expiredReleases().increment();
  }

  @Override
  public void commandStarted(Duration latency) {
    commandStarts().record(latency);
  }

  @Override
  public void outputPublished(OutputWay way, int bytes) {
    outputs(way).increment(bytes);
  }

  @Override
  public void commandEnded(Exited.Reason reason, Duration took) {
    commands(reason).record(took);
  }

  private Timer commands(Exited.Reason reason) {
    return Timer.builder("zcbot.command")
        .description("Time from a command's start to its end; 0 if it never started")
        .tag("reason", reason.wire())
        .serviceLevelObjectives(ENSURE_BUCKETS)
        .register(registry);
  }

  private Timer commandStarts() {
    return Timer.builder("zcbot.command.start")
        .description("Time from reading an exec until its command runs")
        .serviceLevelObjectives(ENSURE_BUCKETS)
        .register(registry);
  }

  private Counter outputs(OutputWay way) {
    return Counter.builder("zcbot.command.output.bytes")
        .description(
            "Bytes of commands' output that were published; the way is inline for those in answers,"
                + " streamed for those in outputs")
        .tag("way", way.name().toLowerCase(Locale.ROOT))
        .register(registry);
  }

  private Timer ensures(String answer) {
    return Timer.builder("zcbot.ensure")
        .description(
            "Time until an ensure, or an exec whose user has no sandbox, gets one or is refused;"
                + " the answer is the outcome of ready or the reason of failed")
        .tag("answer", answer)
        .serviceLevelObjectives(ENSURE_BUCKETS)
        .register(registry);
  }

  private Timer engineCalls(String operation, String result) {
    return Timer.builder("zcbot.engine.call")
        .description("Duration of calls to the container engine")
        .tags("operation", operation, "result", result)
        .serviceLevelObjectives(ENGINE_BUCKETS)
        .register(registry);
  }

  private Counter reaps(Reaped.Reason reason) {
    return Counter.builder("zcbot.reaped")
        .description("Sandboxes announced reaped")
        .tag("reason", reason.wire())
        .register(registry);
  }

  private Counter retries(EngineException.Kind because) {
    return Counter.builder("zcbot.retries")
        .description("Retries of ensures")
        .tag("because", because.name().toLowerCase(Locale.ROOT))
        .register(registry);
  }

  private Counter claims(Claim how) {
    return Counter.builder("zcbot.slot.claims")
        .description("New users who got a warm slot or none, and slots that failed, by result")
        .tag("result", how.name().toLowerCase(Locale.ROOT))
        .register(registry);
  }

  private Counter profileClaims(String profile, Claim how) {
    return Counter.builder("zcbot.profile.slot.claims")
        .description("As zcbot_slot_claims, for each profile; only if there are profiles")
        .tags("profile", profile, "result", how.name().toLowerCase(Locale.ROOT))
        .register(registry);
  }

  private Counter channels(ChannelWay way) {
    return Counter.builder("zcbot.command.channels")
        .description(
            "Connections to runners in sandboxes; the way is runner for a sandbox's first process,"
                + " engine for one that the engine started")
        .tag("way", way.name().toLowerCase(Locale.ROOT))
        .register(registry);
  }

  private Counter expiredReleases() {
    return Counter.builder("zcbot.releases.expired")
        .description(
            "Releases that expired before they were worked on, so that nothing was removed")
        .register(registry);
  }

  private Counter fallbacks() {
    return Counter.builder("zcbot.command.fallbacks")
        .description("Connections by the engine because a sandbox's own runner could not be used")
        .register(registry);
  }

  private Counter egressRefusals(EgressRefusal reason) {
    return Counter.builder("zcbot.egress.refused")
        .description("Connections and lookups of names that the proxy for names refused")
        .tag("reason", reason.name().toLowerCase(Locale.ROOT))
        .register(registry);
  }

  private static Duration[] buckets(int... millis) {
    return Arrays.stream(millis).mapToObj(Duration::ofMillis).toArray(Duration[]::new);
  }
}
