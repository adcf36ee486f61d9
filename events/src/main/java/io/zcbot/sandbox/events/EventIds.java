/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.UUID;

/**
 * Derives the ids of events that workers publish from their causes: a name-based UUID (RFC 9562,
 * version 3). A redelivered cause yields the same id, so that consumers can drop duplicates. Every
 * id also depends on the user, because agent services choose the ids of ensures and execs, and two
 * users may use the same one.
 */
public final class EventIds {
  private EventIds() {}

  /**
   * Returns the id of the {@link Ready} that answers an ensure with a container. It depends on the
   * container: an ensure that is read again after its sandbox ended is answered with another
   * container, and consumers that drop known ids must not drop that answer.
   *
   * @param ensureId the {@code event_id} of the ensure
   */
  public static String ready(UserId user, String ensureId, String containerId) {
    return derive("ready", user, ensureId + ":" + containerId);
  }

  /**
   * Returns the id of the {@link Failed} that answers an ensure.
   *
   * @param ensureId the {@code event_id} of the ensure
   */
  public static String failed(UserId user, String ensureId) {
    return derive("failed", user, ensureId);
  }

  /**
   * Returns the id of the {@link Reaped} of a container. It depends on nothing else, because a
   * container ends only once, however often and by whichever worker its end is announced.
   */
  public static String reaped(UserId user, String containerId) {
    return derive("reaped", user, containerId);
  }

  /**
   * Returns the id of the {@link Ensure} with which a worker replaces a sandbox that was lost with
   * its host.
   */
  public static String handover(UserId user, String containerId) {
    return derive("handover", user, containerId);
  }

  /**
   * Returns the id of the {@link Exited} that answers an exec. It depends on nothing else, because
   * a command ends only once, whichever worker announces it and whatever that worker knows.
   *
   * @param execId the {@code event_id} of the exec
   */
  public static String exited(UserId user, String execId) {
    return derive("exited", user, execId);
  }

  /**
   * Returns the id of the {@link Started} of a command. It depends on nothing else, because a
   * command is started only once.
   *
   * @param execId the {@code event_id} of the exec
   */
  public static String started(UserId user, String execId) {
    return derive("started", user, execId);
  }

  /**
   * Returns the id of one {@link Output} of a command.
   *
   * @param execId the {@code event_id} of the exec
   * @param seq the output's sequence number
   */
  public static String output(UserId user, String execId, long seq) {
    return derive("output", user, execId + ":" + seq);
  }

  /**
   * Returns the id of the {@link Expiring} that says when a container will be reaped. For {@code
   * IDLE} and {@code ENDS_AT} it depends on the time, because a sandbox that is used again expires
   * at another time, and an ensure may move an end. For {@code LIFETIME} it does not, because a
   * lifetime ends only once, even if another run of the worker computes another time.
   *
   * @throws IllegalArgumentException if the reason is {@code UNKNOWN}
   */
  public static String expiring(
      UserId user, String containerId, Expiring.Reason reason, Instant endsAt) {
    return derive(
        "expiring",
        user,
        switch (reason) {
          case IDLE -> containerId + ":idle:" + endsAt;
          case LIFETIME -> containerId + ":lifetime";
          case ENDS_AT -> containerId + ":ends_at:" + endsAt;
          case UNKNOWN -> throw new IllegalArgumentException("nothing expires for no known reason");
        });
  }

  private static String derive(String kind, UserId user, String cause) {
    String name = "zcbot:sandbox:" + kind + ":" + user + ":" + cause;
    return UUID.nameUUIDFromBytes(name.getBytes(StandardCharsets.UTF_8)).toString();
  }
}
