/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.UUID;

/**
 * Ids of result events, derived from what caused them: a name-based UUID (RFC 9562, version 3). A
 * redelivered cause yields the same id, so that consumers can drop duplicates.
 */
public final class EventIds {
  private EventIds() {}

  /**
   * Id of the ready that answers the ensure with this {@code event_id} by this container. An ensure
   * that is read again after its sandbox ended is answered with another container, and consumers
   * that drop known ids must not drop that answer.
   */
  public static String ready(String ensureId, String containerId) {
    return derive("ready", ensureId + ":" + containerId);
  }

  /** Id of the failed that answers the ensure with this {@code event_id}. */
  public static String failed(String ensureId) {
    return derive("failed", ensureId);
  }

  /**
   * Id of the reaped event of a container. It is derived from the container's id alone, because a
   * container ends once, however often its end is announced and by which worker.
   */
  public static String reaped(String containerId) {
    return derive("reaped", containerId);
  }

  /** Id of the ensure with which a worker replaces a sandbox that was lost with its host. */
  public static String handover(String containerId) {
    return derive("handover", containerId);
  }

  /**
   * Id of the exited that answers the user's exec with this {@code event_id}. It is derived from
   * the exec alone: a command ends once, whichever worker announces it and whatever that worker
   * knows. Agents choose the ids of execs, and those of two users may be the same.
   */
  public static String exited(UserId user, String execId) {
    return derive("exited", user + ":" + execId);
  }

  /** Id of one output of a user's command, by the {@code event_id} of its exec. */
  public static String output(UserId user, String execId, long seq) {
    return derive("output", user + ":" + execId + ":" + seq);
  }

  /**
   * Id of the notice that a container ends at an instant. Once it is used, it ends at another. Its
   * lifetime is over once, whichever run of the worker says when.
   */
  public static String expiring(String containerId, Expiring.Reason reason, Instant endsAt) {
    return derive(
        "expiring",
        switch (reason) {
          case IDLE -> containerId + ":idle:" + endsAt;
          case LIFETIME -> containerId + ":lifetime";
        });
  }

  private static String derive(String kind, String cause) {
    byte[] name = ("zcbot:sandbox:" + kind + ":" + cause).getBytes(StandardCharsets.UTF_8);
    return UUID.nameUUIDFromBytes(name).toString();
  }
}
