/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.Announcer;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.SandboxCommands;
import io.zcbot.sandbox.worker.sandbox.TerminationTarget;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * Removes the containers that a previous run of a worker left on its engine, and none of another
 * worker (I7).
 */
public final class Purge {
  private final Engine engine;
  private final Termination termination;

  Purge(Engine engine, Termination termination) {
    this.engine = engine;
    this.termination = termination;
  }

  /** A purge for a worker that does not run. The caller releases mounts of slots. */
  public static Purge offline(Engine engine, Announcer announcer) {
    return new Purge(
        engine,
        new Termination(engine, announcer, new Registry(), SandboxCommands.NONE, _ -> {}, 1));
  }

  /**
   * Ends one of the worker's containers.
   *
   * @param announced ids of those whose end is announced, as purged
   */
  public void end(Container container, Set<String> announced)
      throws EngineException, InterruptedException {
    end(container, announced.contains(container.id()) ? Reaped.Reason.PURGED : null);
  }

  /**
   * Ends several containers concurrently.
   *
   * @param announced ids of those whose end is announced, as purged
   */
  void endAll(List<Container> containers, Set<String> announced)
      throws EngineException, InterruptedException {
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<?>> ends = new ArrayList<>();
      for (Container container : containers) {
        ends.add(
            threads.submit(
                () -> {
                  end(container, announced);
                  return null;
                }));
      }
      try {
        for (Future<?> end : ends) {
          end.get();
        }
      } catch (ExecutionException e) {
        switch (e.getCause()) {
          case EngineException failed -> throw failed;
          case InterruptedException interrupted -> throw interrupted;
          case StoppedException stopped -> throw stopped;
          case null, default -> throw new IllegalStateException("purge failed", e);
        }
      } catch (InterruptedException e) {
        threads.shutdownNow();
        throw e;
      }
    }
  }

  private void end(Container container, Reaped.@Nullable Reason reason)
      throws EngineException, InterruptedException {
    UserId user = container.user();
    if (user == null) {
      engine.remove(container.id());
    } else {
      termination.end(TerminationTarget.of(user, container, reason));
    }
  }
}
