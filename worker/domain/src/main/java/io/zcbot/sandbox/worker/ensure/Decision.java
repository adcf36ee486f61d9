/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Verified;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.TerminationTarget;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What an ensure requires, decided from the state of the engine. Pure: acts on nothing. */
sealed interface Decision {
  /** The user's sandbox runs and is as it should be. */
  record Reuse(Sandbox sandbox) implements Decision {}

  /** Create a sandbox, after these containers are ended. */
  record Make(List<TerminationTarget> remains) implements Decision {
    /** For a user who is unknown, without a look at the engine. */
    static final Make UNSEEN = new Make(List.of());

    /** In place of a sandbox of another profile. */
    static Make replacing(Reuse other) {
      return new Make(List.of(TerminationTarget.of(other.sandbox, Reaped.Reason.REPLACED)));
    }

    /** The outcome of the ready event: recreated if an announced sandbox is replaced. */
    Ready.Outcome outcome() {
      return remains.stream().anyMatch(target -> target.reason() != null)
          ? Ready.Outcome.RECREATED
          : Ready.Outcome.CREATED;
    }
  }

  /**
   * Decides.
   *
   * <p>Only a sandbox that this worker saw become ready is reused. A container that merely runs may
   * be left by an attempt whose start was never answered, with an unproven firewall (I3).
   *
   * @param known the user's sandbox as this worker knows it; null if it knows none
   * @param found the container with the user's name on the engine
   */
  static Decision of(UserId user, @Nullable Sandbox known, Optional<Verified> found) {
    List<TerminationTarget> remains = new ArrayList<>();
    Container container = found.map(Verified::container).orElse(null);
    if (known != null && (container == null || !container.id().equals(known.containerId()))) {
      // Somebody removed or renamed it. What is left of it must not run beside the next one.
      remains.add(TerminationTarget.died(known, null));
    }
    if (container == null) {
      return new Make(List.copyOf(remains));
    }
    if (known != null && container.id().equals(known.containerId())) {
      if (known.runsIn(container) && found.get().isAsSpecified()) {
        return new Reuse(known);
      }
      boolean startedAgain = container.isRunning() && !known.runsIn(container);
      remains.add(
          startedAgain || container.state() == Container.State.ENDED
              ? TerminationTarget.died(known, container)
              : TerminationTarget.of(known, Reaped.Reason.REPLACED));
    } else {
      // This worker's own container was never announced, or it would be known; another worker's may
      // be.
      boolean unannounced = container.isOurs() || container.startedAt() == null;
      remains.add(
          TerminationTarget.of(user, container, unannounced ? null : Reaped.Reason.REPLACED));
    }
    return new Make(List.copyOf(remains));
  }
}
