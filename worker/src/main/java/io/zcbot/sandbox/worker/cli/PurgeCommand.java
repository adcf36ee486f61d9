/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.SlotMounts;
import java.io.IOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Removes what a worker that is gone left on the engine. */
final class PurgeCommand {
  private final Console console;
  private final Engine engine;
  private final KafkaLog log;
  private final WorkerConfig config;
  private final Function<String, SlotMounts> mounts;
  private boolean announces = true;

  /**
   * Makes one.
   *
   * @param mounts a worker's, by its id
   */
  PurgeCommand(
      Console console,
      Engine engine,
      KafkaLog log,
      WorkerConfig config,
      Function<String, SlotMounts> mounts) {
    this.console = console;
    this.engine = engine;
    this.log = log;
    this.config = config;
    this.mounts = mounts;
  }

  int run(@Nullable String worker, boolean yes, boolean force)
      throws CommandException, InterruptedException {
    String workerId = worker == null ? config.workerId() : worker;
    List<Container> sandboxes =
        Engines.sandboxes(engine).stream()
            .filter(
                c ->
                    c.isParkedBy(workerId)
                        || (c.owner() != null && workerId.equals(c.owner().workerId())))
            .toList();
    if (sandboxes.isEmpty()) {
      console.out().println("nothing of worker " + workerId + " is on this engine");
      return ExitCode.OK;
    }
    if (!force && RunningWorker.answersAt(config.opsAddress(), workerId)) {
      throw new CommandException(
          ExitCode.FAILED,
          "tried to purge the sandboxes of worker "
              + workerId
              + ", failed because that worker runs here and serves them; stop it first (it reaps"
              + " them itself), or add --force",
          null);
    }
    if (!yes
        && !console.confirms(
            "Remove " + sandboxes.size() + " sandboxes of worker " + workerId + "?")) {
      throw new CommandException(
          ExitCode.USAGE,
          sandboxes.size() + " sandboxes of worker " + workerId + " were kept; to go on, add --yes",
          null);
    }
    int failures = 0;
    for (Container sandbox : sandboxes) {
      failures += purge(sandbox, workerId) ? 0 : 1;
    }
    unmount(mounts.apply(workerId));
    console.out().println("purged " + (sandboxes.size() - failures) + " of " + sandboxes.size());
    return failures == 0 ? ExitCode.OK : ExitCode.FAILED;
  }

  /** Kills, announces, removes, in the worker's own order: a second run ends what this leaves. */
  private boolean purge(Container sandbox, String workerId) throws InterruptedException {
    Container.Owner owner = sandbox.owner();
    try {
      if (owner != null) { // nobody was told of a parked slot
        engine.kill(sandbox.id());
        announce(sandbox, owner.user(), workerId);
      }
      engine.remove(sandbox.id());
      console.out().println("purged " + sandbox.name());
      return true;
    } catch (EngineException e) {
      console.err().println("could not purge " + sandbox.name() + ": " + e.getMessage());
      return false;
    }
  }

  private void unmount(SlotMounts slots) {
    try {
      for (String slot : slots.left()) {
        slots.release(slot);
      }
    } catch (IOException e) {
      console
          .err()
          .println("mounts are left, which the worker's next start removes: " + e.getMessage());
    }
  }

  private void announce(Container sandbox, UserId user, String workerId)
      throws InterruptedException {
    if (!announces) {
      return;
    }
    try {
      log.publish(
          new Reaped(
              EventIds.reaped(sandbox.id()),
              user,
              Instant.now().truncatedTo(ChronoUnit.MILLIS),
              new ContainerRef(sandbox.name(), sandbox.id(), config.host(), workerId),
              Reaped.Reason.PURGED,
              null,
              null,
              null));
    } catch (CommandException e) {
      // Asked for once: each further try would take its seconds.
      announces = false;
      console.err().println("the sandboxes are removed without being announced: " + e.getMessage());
    }
  }
}
