/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Instant;

/**
 * The sandbox can be used now: it runs, its firewall is in force, its workspace is mounted.
 *
 * @param ensureId the {@code event_id} of the ensure this answers
 * @param engine address at which the host's container engine is reached
 * @param runtime the OCI runtime; {@code default} when the engine's own default is used
 * @param workspace path of the user's directory on the host
 * @param tookMs milliseconds from the ensure's arrival at the worker to this event
 */
public record Ready(
    String eventId,
    UserId userId,
    String ensureId,
    Instant readyAt,
    String containerName,
    String containerId,
    String host,
    String engine,
    String workerId,
    Outcome outcome,
    String image,
    String runtime,
    String workspace,
    long tookMs)
    implements SandboxEvent {
  /** How the sandbox came to be ready. */
  public enum Outcome implements WireName {
    /** There was none; a new one was made. */
    CREATED,
    /** It ran already. */
    REUSED,
    /** What stood under the user's name was not usable and was replaced. */
    RECREATED,
    /** A warm slot was given to the user. */
    CLAIMED
  }

  @Override
  public Instant at() {
    return readyAt;
  }
}
