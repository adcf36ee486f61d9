package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.Reaped;
import org.jspecify.annotations.Nullable;

/**
 * A container that has to go before the user's next one is made.
 *
 * @param reason how its end is announced; null for one that nobody was told of
 * @param sandbox the registry's entry, if it is the one this worker knows as the user's
 * @param slotId the slot of this worker that it was made as, if any: there is a mount to undo
 */
record Remains(
    String containerId,
    Reaped.@Nullable Reason reason,
    @Nullable Sandbox sandbox,
    @Nullable String slotId,
    @Nullable Integer exitCode,
    @Nullable Boolean oomKilled) {

  /** What a sandbox of ours left that no longer runs, as far as the engine still knows it. */
  static Remains died(Sandbox sandbox, @Nullable Container ended) {
    if (ended == null || ended.state() != Container.State.ENDED) {
      return of(sandbox, Reaped.Reason.DIED);
    }
    return died(sandbox, ended.exitCode(), ended.oomKilled());
  }

  static Remains died(Sandbox sandbox, @Nullable Integer exitCode, @Nullable Boolean oomKilled) {
    return new Remains(
        sandbox.containerId(), Reaped.Reason.DIED, sandbox, sandbox.slotId(), exitCode, oomKilled);
  }

  static Remains of(Sandbox sandbox, Reaped.@Nullable Reason reason) {
    return new Remains(sandbox.containerId(), reason, sandbox, sandbox.slotId(), null, null);
  }

  /**
   * A container that the registry doesn't know.
   *
   * @param workerId this worker's: another's slots have their mounts elsewhere
   */
  static Remains of(Container container, String workerId, Reaped.@Nullable Reason reason) {
    return new Remains(container.id(), reason, null, container.slotOf(workerId), null, null);
  }

  static Remains lost(String containerId) {
    return new Remains(containerId, Reaped.Reason.LOST, null, null, null, null);
  }
}
