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
 * redelivered cause yields the same id, so that consumers can drop duplicates. Every id is derived
 * from its user as well: agents choose the ids of ensures and of execs, and those of two users may
 * be the same.
 */
public final class EventIds {
  private EventIds() {}

  /**
   * Id of the ready that answers the user's ensure with this {@code event_id} by this container. An
   * ensure that is read again after its sandbox ended is answered with another container, and
   * consumers that drop known ids must not drop that answer.
   */
  public static String ready(UserId user, String ensureId, String containerId) {
    return derive("ready", user, ensureId + ":" + containerId);
  }

  /** Id of the failed that answers the user's ensure with this {@code event_id}. */
  public static String failed(UserId user, String ensureId) {
    return derive("failed", user, ensureId);
  }

  /**
   * Id of the reaped event of a user's container. It is derived from nothing else, because a
   * container ends once, however often its end is announced and by which worker.
   */
  public static String reaped(UserId user, String containerId) {
    return derive("reaped", user, containerId);
  }

  /** Id of the ensure with which a worker replaces a sandbox that was lost with its host. */
  public static String handover(UserId user, String containerId) {
    return derive("handover", user, containerId);
  }

  /**
   * Id of the exited that answers the user's exec with this {@code event_id}. It is derived from
   * the exec alone: a command ends once, whichever worker announces it and whatever that worker
   * knows.
   */
  public static String exited(UserId user, String execId) {
    return derive("exited", user, execId);
  }

  /** Id of one output of a user's command, by the {@code event_id} of its exec. */
  public static String output(UserId user, String execId, long seq) {
    return derive("output", user, execId + ":" + seq);
  }

  /**
   * Id of the notice that a user's container ends at an instant. Once it is used, it ends at
   * another. Its lifetime is over once, whichever run of the worker says when.
   */
  public static String expiring(
      UserId user, String containerId, Expiring.Reason reason, Instant endsAt) {
    return derive(
        "expiring",
        user,
        switch (reason) {
          case IDLE -> containerId + ":idle:" + endsAt;
          case LIFETIME -> containerId + ":lifetime";
          case UNKNOWN -> throw new IllegalArgumentException("nothing expires for no known reason");
        });
  }

  private static String derive(String kind, UserId user, String cause) {
    String name = "zcbot:sandbox:" + kind + ":" + user + ":" + cause;
    return UUID.nameUUIDFromBytes(name.getBytes(StandardCharsets.UTF_8)).toString();
  }
}
