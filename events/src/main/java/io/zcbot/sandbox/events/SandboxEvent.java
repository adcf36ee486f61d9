/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Instant;

/**
 * An event: one record of one of the topics. Agent services publish ensure, activity, exec, input
 * and release; workers publish the others. Events are immutable and safe for concurrent use.
 */
public sealed interface SandboxEvent
    permits Ensure,
        Activity,
        Exec,
        Input,
        Release,
        Ready,
        Reaped,
        Failed,
        Started,
        Output,
        Exited,
        Expiring {
  /** Returns the id of the event. A redelivered or repeated event has the same id. */
  String eventId();

  /** Returns the user whose sandbox the event is about. It is also the record's key. */
  UserId userId();

  /**
   * Returns when the event happened, by the publisher's clock; if an agent service gave no time,
   * the record's timestamp.
   */
  Instant at();

  /** Returns the topic that carries this kind of event. */
  default Topic topic() {
    return switch (this) {
      case Ensure ensure -> Topic.ENSURE;
      case Activity activity -> Topic.ACTIVITY;
      case Ready ready -> Topic.READY;
      case Reaped reaped -> Topic.REAPED;
      case Failed failed -> Topic.FAILED;
      case Exec exec -> Topic.EXEC;
      case Input input -> Topic.INPUT;
      case Started started -> Topic.STARTED;
      case Output output -> Topic.OUTPUT;
      case Exited exited -> Topic.EXITED;
      case Release release -> Topic.RELEASE;
      case Expiring expiring -> Topic.EXPIRING;
    };
  }
}
