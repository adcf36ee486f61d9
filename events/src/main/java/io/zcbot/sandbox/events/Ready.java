/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Says that the sandbox can be used: it runs, its firewall is in force, and its workspace is
 * mounted.
 *
 * @param ensureId the {@code event_id} of the ensure that this answers
 * @param tookMs milliseconds from the ensure's arrival at the worker to this event
 * @param labels of the sandbox, from the last ensure that had any
 * @param endsAt when the sandbox ends, even if it is in use, as the last ensure with an end said;
 *     null if none did
 * @param profile what the sandbox is made of, by its {@link ProfileName}
 * @param network what the sandbox may reach of what its profile allows by name
 * @param networkDigest a hash of all that it may reach, by its profile and that; null in events of
 *     older workers
 */
public record Ready(
    String eventId,
    UserId userId,
    String ensureId,
    Instant readyAt,
    ContainerRef container,
    Outcome outcome,
    Environment environment,
    long tookMs,
    Map<String, String> labels,
    @Nullable Instant endsAt,
    String profile,
    Network network,
    @Nullable String networkDigest)
    implements SandboxEvent {
  public Ready {
    labels = Map.copyOf(labels);
  }

  /** Creates an event of a sandbox that may reach all that its profile allows. */
  public Ready(
      String eventId,
      UserId userId,
      String ensureId,
      Instant readyAt,
      ContainerRef container,
      Outcome outcome,
      Environment environment,
      long tookMs,
      Map<String, String> labels,
      @Nullable Instant endsAt,
      String profile) {
    this(
        eventId,
        userId,
        ensureId,
        readyAt,
        container,
        outcome,
        environment,
        tookMs,
        labels,
        endsAt,
        profile,
        Network.WHOLE,
        null);
  }

  /** Creates an event of a sandbox of the default profile. */
  public Ready(
      String eventId,
      UserId userId,
      String ensureId,
      Instant readyAt,
      ContainerRef container,
      Outcome outcome,
      Environment environment,
      long tookMs,
      Map<String, String> labels,
      @Nullable Instant endsAt) {
    this(
        eventId,
        userId,
        ensureId,
        readyAt,
        container,
        outcome,
        environment,
        tookMs,
        labels,
        endsAt,
        ProfileName.DEFAULT);
  }

  /** Creates an event of a sandbox without labels and without an end. */
  public Ready(
      String eventId,
      UserId userId,
      String ensureId,
      Instant readyAt,
      ContainerRef container,
      Outcome outcome,
      Environment environment,
      long tookMs) {
    this(
        eventId,
        userId,
        ensureId,
        readyAt,
        container,
        outcome,
        environment,
        tookMs,
        Map.of(),
        null);
  }

  /** How the sandbox became ready. */
  public enum Outcome implements WireName {
    /** There was no sandbox; a new one was created. */
    CREATED,
    /** The sandbox was already running. */
    REUSED,
    /** The container with the user's name was not usable and was replaced. */
    RECREATED,
    /** A slot of the warm pool became the user's sandbox. */
    CLAIMED,
    /** An outcome that this version does not know; workers of this version never publish it. */
    UNKNOWN
  }

  /**
   * How the container was created.
   *
   * @param engine address of the host's container engine
   * @param runtime the OCI runtime; {@code default} if it is the engine's default
   * @param workspace path of the user's directory on the host
   * @param idleTtl how long the sandbox may be unused before it is reaped, truncated to whole
   *     seconds; null in events of older workers
   */
  public record Environment(
      String engine, String image, String runtime, String workspace, @Nullable Duration idleTtl) {
    public Environment {
      idleTtl = idleTtl == null ? null : idleTtl.truncatedTo(ChronoUnit.SECONDS);
    }
  }

  /** Returns the container's id, which is never used again for another container. */
  public String containerId() {
    return container.id();
  }

  /** Returns the worker that published the event. */
  public String workerId() {
    return container.workerId();
  }

  @Override
  public Instant at() {
    return readyAt;
  }
}
