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

  UserId userId();

  /** When it happened, by the clock of whoever published it. */
  Instant at();

  /** The topic that carries this kind of event. */
  default Topic topic() {
    return switch (this) {
      case Ensure _ -> Topic.ENSURE;
      case Activity _ -> Topic.ACTIVITY;
      case Ready _ -> Topic.READY;
      case Reaped _ -> Topic.REAPED;
      case Failed _ -> Topic.FAILED;
      case Exec _ -> Topic.EXEC;
      case Input _ -> Topic.INPUT;
      case Output _ -> Topic.OUTPUT;
      case Exited _ -> Topic.EXITED;
      case Release _ -> Topic.RELEASE;
      case Expiring _ -> Topic.EXPIRING;
    };
  }
}
