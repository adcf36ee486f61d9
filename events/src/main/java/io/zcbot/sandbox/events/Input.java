/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Instant;

/**
 * Something for a command that runs or waits to: standard input, a signal, another size of its
 * terminal. It may be published right behind the {@link Exec}.
 *
 * @param execId the {@code event_id} of the exec
 */
public record Input(
    String eventId, UserId userId, Instant occurredAt, String execId, Content content)
    implements SandboxEvent {
  /** What it is. */
  public sealed interface Content {
    /** More standard input. */
    record Bytes(Data data) implements Content {}

    /** Standard input ends. A terminal gets Ctrl-D. */
    record End() implements Content {}

    /** A signal for the command's foreground processes. */
    record Signal(CommandSignal signal) implements Content {}

    /** The terminal has another size. */
    record Resize(TerminalSize size) implements Content {}
  }

  @Override
  public Instant at() {
    return occurredAt;
  }
}
