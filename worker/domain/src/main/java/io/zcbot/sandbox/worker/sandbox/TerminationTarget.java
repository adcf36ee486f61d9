/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import org.jspecify.annotations.Nullable;

/**
 * A container that must end.
 *
 * @param reason how its end is announced; null if it is not, because nobody knows of it, or its end
 *     was announced before
 * @param sandbox its entry in the registry; null if the registry does not have it
 * @param slotId the slot of this worker that it was made as, whose mount must be undone; null if
 *     none
 */
public record TerminationTarget(
    UserId user,
    String containerId,
    Reaped.@Nullable Reason reason,
    @Nullable Sandbox sandbox,
    @Nullable String slotId,
    @Nullable Integer exitCode,
    @Nullable Boolean oomKilled) {

  /** A sandbox that died, with what the engine still knows about its end. */
  public static TerminationTarget died(Sandbox sandbox, @Nullable Container ended) {
    if (ended == null || ended.state() != Container.State.ENDED) {
      return of(sandbox, Reaped.Reason.DIED);
    }
    return died(sandbox, ended.exitCode(), ended.oomKilled());
  }

  public static TerminationTarget died(
      Sandbox sandbox, @Nullable Integer exitCode, @Nullable Boolean oomKilled) {
    return new TerminationTarget(
        sandbox.user(),
        sandbox.containerId(),
        Reaped.Reason.DIED,
        sandbox,
        sandbox.slotId(),
        exitCode,
        oomKilled);
  }

  public static TerminationTarget of(Sandbox sandbox, Reaped.@Nullable Reason reason) {
    return new TerminationTarget(
        sandbox.user(), sandbox.containerId(), reason, sandbox, sandbox.slotId(), null, null);
  }

  /** A container that the registry doesn't know. */
  public static TerminationTarget of(
      UserId user, Container container, Reaped.@Nullable Reason reason) {
    return new TerminationTarget(
        user, container.id(), reason, null, container.ourSlot(), null, null);
  }

  static TerminationTarget lost(LiveSandbox entry) {
    return new TerminationTarget(
        entry.userId(), entry.containerId(), Reaped.Reason.LOST, null, null, null, null);
  }
}
