/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import org.jspecify.annotations.Nullable;

/**
 * The sandbox can be used now: it runs, its firewall is in force, its workspace is mounted.
 *
 * @param ensureId the {@code event_id} of the ensure this answers
 * @param tookMs milliseconds from the ensure's arrival at the worker to this event
 */
public record Ready(
    String eventId,
    UserId userId,
    String ensureId,
    Instant readyAt,
    ContainerRef container,
    Outcome outcome,
    Environment environment,
    long tookMs)
    implements SandboxEvent {
  /** How the sandbox came to be ready. */
  public enum Outcome implements WireName {
    /** There was none; a new one was created. */
    CREATED,
    /** It was already running. */
    REUSED,
    /** The container with the user's name was not usable and was replaced. */
    RECREATED,
    /** A slot of the warm pool became the user's sandbox. */
    CLAIMED,
    /** One that a newer version has; no worker publishes it. */
    UNKNOWN
  }

  /**
   * How the container was created.
   *
   * @param engine address at which the host's container engine is reached
   * @param runtime the OCI runtime; {@code default} when the engine's own default is used
   * @param workspace path of the user's directory on the host
   * @param idleTtl how long the sandbox may be unused before it is reaped, in whole seconds; absent
   *     in events of older workers
   */
  public record Environment(
      String engine, String image, String runtime, String workspace, @Nullable Duration idleTtl) {
    public Environment {
      idleTtl = idleTtl == null ? null : idleTtl.truncatedTo(ChronoUnit.SECONDS);
    }
  }

  /** The container's id, unique in time. */
  public String containerId() {
    return container.id();
  }

  /** The worker that published it. */
  public String workerId() {
    return container.workerId();
  }

  @Override
  public Instant at() {
    return readyAt;
  }
}
