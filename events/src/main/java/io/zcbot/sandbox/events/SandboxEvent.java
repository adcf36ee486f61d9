/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Instant;

/**
 * One record of one of the topics. Agents publish ensure, activity, exec, input and release;
 * workers publish the others.
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
        Output,
        Exited,
        Expiring {
  /** Identifies the event; a redelivered or repeated event has the same one. */
  String eventId();

  /** Whose sandbox it is about; the record's key. */
  UserId userId();

  /** When it happened, by the clock of whoever published it. */
  Instant at();

  /** The topic that carries this kind of event. */
  default Topic topic() {
    return switch (this) {
      case Ensure ensure -> Topic.ENSURE;
      case Activity activity -> Topic.ACTIVITY;
      case Ready ready -> Topic.READY;
      case Reaped reaped -> Topic.REAPED;
      case Failed failed -> Topic.FAILED;
      case Exec exec -> Topic.EXEC;
      case Input input -> Topic.INPUT;
      case Output output -> Topic.OUTPUT;
      case Exited exited -> Topic.EXITED;
      case Release release -> Topic.RELEASE;
      case Expiring expiring -> Topic.EXPIRING;
    };
  }
}
