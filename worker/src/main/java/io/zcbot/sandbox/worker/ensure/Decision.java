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

/** What an ensure requires, decided from the containers on the engine. Pure. */
sealed interface Decision {
  /** The user's sandbox runs and is as it should be. */
  record Reuse(Sandbox sandbox) implements Decision {}

  /** Create one, after these are removed. */
  record Make(List<TerminationTarget> remains) implements Decision {
    /** For a user of whom nothing is known and nothing was looked for. */
    static final Make UNSEEN = new Make(List.of());

    /** What a sandbox that is created then is to its user. */
    Ready.Outcome outcome() {
      return remains.stream().anyMatch(target -> target.reason() != null)
          ? Ready.Outcome.RECREATED
          : Ready.Outcome.CREATED;
    }
  }

  /**
   * Decides.
   *
   * <p>Only a sandbox this worker saw become ready is reused: a container that merely runs may have
   * been left by an attempt whose start was never answered, its firewall unproven (I3).
   *
   * @param known the user's sandbox as this worker knows it
   * @param found the container with the user's name on the engine
   */
  static Decision of(UserId user, @Nullable Sandbox known, Optional<Verified> found) {
    List<TerminationTarget> remains = new ArrayList<>();
    Container container = found.map(Verified::container).orElse(null);
    if (known != null && (container == null || !container.id().equals(known.containerId()))) {
      // Removed or renamed behind our back: whatever is left of it must not run beside the next.
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
      // One of ours that is not known was never announced ready; anyone else's may have been.
      boolean unannounced = container.isOurs() || container.startedAt() == null;
      remains.add(
          TerminationTarget.of(user, container, unannounced ? null : Reaped.Reason.REPLACED));
    }
    return new Make(List.copyOf(remains));
  }
}
