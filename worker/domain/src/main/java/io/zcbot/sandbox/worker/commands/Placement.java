/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.commands.SandboxProvider.Provision;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds the sandbox in which a command is to run, or has it made. The user's sandbox may have died
 * unnoticed, which an attempt to open its channel shows. So the channel is opened here, before
 * anything of the command is in the log.
 */
final class Placement {
  private static final Logger log = LoggerFactory.getLogger(Placement.class);

  private final CommandQueues queues;
  private final Registry registry;
  private final SandboxProvider provider;
  private final ChannelLoss loss;
  private final Consumer<Sandbox> dead;

  /**
   * Creates the placement.
   *
   * @param dead ends a sandbox that was found dead
   */
  Placement(
      CommandQueues queues,
      Registry registry,
      SandboxProvider provider,
      ChannelLoss loss,
      Consumer<Sandbox> dead) {
    this.queues = queues;
    this.registry = registry;
    this.provider = provider;
    this.loss = loss;
    this.dead = dead;
  }

  /** Where a command runs. */
  sealed interface Target {
    /** In a sandbox, with its other commands. */
    record In(UserCommands commands) implements Target {}

    /** Nowhere: the exec ends without a start. */
    record Nowhere(ExecOutcome ending) implements Target {}
  }

  /** Finds or makes a sandbox. Runs in the user's lane; blocks for the engine. */
  Target of(ExecRequest request) throws FencedException, InterruptedException {
    try {
      return find(request);
    } catch (StoppedException e) {
      throw e;
    } catch (RuntimeException e) {
      log.error("an exec failed unexpectedly; please report this", e);
      return new Target.Nowhere(ExecOutcome.failed("unexpected error in the worker: " + e, false));
    }
  }

  private Target find(ExecRequest request) throws FencedException, InterruptedException {
    Sandbox sandbox = registry.get(request.user());
    String asked = request.exec().profile();
    boolean isOther = sandbox != null && asked != null && !asked.equals(sandbox.profile().name());
    if (sandbox != null && isOther && !request.exec().ensure()) {
      return new Target.Nowhere(
          ExecOutcome.rejected(
              "the user's sandbox has the profile "
                  + sandbox.profile().name()
                  + ", not "
                  + asked
                  + ", and the exec does not ask for another sandbox",
              false));
    }
    if (sandbox != null && !isOther) {
      UserCommands commands = queues.of(sandbox);
      EngineException closed = openingOf(commands);
      if (closed == null) {
        return new Target.In(commands);
      }
      if (closed.kind() == EngineException.Kind.UNAVAILABLE || !loss.isDead(sandbox)) {
        return new Target.Nowhere(ExecOutcome.unstartable(closed));
      }
      log.info("{} is found dead: {}", sandbox.containerId(), closed.getMessage());
    }
    if (!request.exec().ensure()) {
      if (sandbox != null) {
        dead.accept(sandbox);
      }
      return new Target.Nowhere(ExecOutcome.noSandbox());
    }
    return switch (provider.provide(request)) { // which also ends a dead one
      case Provision.Provided(var made) -> new Target.In(queues.of(made));
      case Provision.NotProvided(var reason, var message, var retryable) ->
          new Target.Nowhere(notProvided(reason, message, retryable, asked != null));
    };
  }

  /** A refusal of what the exec itself asks for is a rejection, as others of its fields are. */
  private static ExecOutcome notProvided(
      Failed.Reason reason, String message, boolean retryable, boolean namesProfile) {
    if (reason == Failed.Reason.EXPIRED) {
      return ExecOutcome.expired();
    }
    return reason == Failed.Reason.REJECTED && namesProfile
        ? ExecOutcome.rejected(message, retryable)
        : ExecOutcome.failed(message, retryable);
  }

  private static @Nullable EngineException openingOf(UserCommands commands)
      throws InterruptedException {
    try {
      var _ = commands.channel();
      return null;
    } catch (EngineException e) {
      return e;
    }
  }
}
