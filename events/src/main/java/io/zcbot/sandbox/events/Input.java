/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Instant;

/**
 * Input for a command that is running or waiting to start: standard input, a signal, or another
 * size of its terminal. It may be published right after the {@link Exec}.
 *
 * @param execId the {@code event_id} of the exec
 */
public record Input(
    String eventId, UserId userId, Instant occurredAt, String execId, Content content)
    implements SandboxEvent {
  /** The kinds of input. */
  public sealed interface Content {
    /** More standard input. */
    record Bytes(Data data) implements Content {}

    /** Ends standard input. A terminal gets Ctrl-D. */
    record End() implements Content {}

    /** A signal for the command's foreground processes; HUP and KILL also for the shell behind. */
    record Signal(CommandSignal signal) implements Content {}

    /** Another size of the command's terminal. */
    record Resize(TerminalSize size) implements Content {}
  }

  @Override
  public Instant at() {
    return occurredAt;
  }
}
