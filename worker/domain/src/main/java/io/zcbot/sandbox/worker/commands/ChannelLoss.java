/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import java.time.Duration;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds out how commands ended whose sandbox reports nothing any more. The calls block for the
 * engine.
 */
final class ChannelLoss {
  private static final Logger log = LoggerFactory.getLogger(ChannelLoss.class);

  /** The event of a sandbox's end may arrive this much later than its channel breaks. */
  private static final Duration NEWS = Duration.ofMillis(300);

  private final Engine engine;
  private final Consumer<Sandbox> unreachable;

  /**
   * Creates the checks.
   *
   * @param unreachable ends a sandbox in which nothing answers
   */
  ChannelLoss(Engine engine, Consumer<Sandbox> unreachable) {
    this.engine = engine;
    this.unreachable = unreachable;
  }

  /** The ending of a command that ran when the channel broke. */
  ExecOutcome broken(UserCommands commands, String why) throws InterruptedException {
    Sandbox sandbox = commands.sandbox();
    if (!runs(sandbox) || commands.awaitGone(NEWS) || !runs(sandbox)) {
      return ExecOutcome.sandboxGone(isOutOfMemory(sandbox));
    }
    // kills what the broken channel left running
    if (!commands.reconnect() && commands.isGone()) {
      return ExecOutcome.sandboxGone(isOutOfMemory(sandbox));
    }
    return ExecOutcome.lost("the connection to the sandbox's commands broke: " + why);
  }

  /** The ending of a command that was not started because the channel could not be opened. */
  ExecOutcome unopened(UserCommands commands, EngineException why) {
    return commands.isGone() || isDead(commands.sandbox())
        ? ExecOutcome.goneBeforeStart()
        : ExecOutcome.unstartable(why);
  }

  /** Whether the engine says that a sandbox does not run; false if the engine can't be asked. */
  boolean isDead(Sandbox sandbox) {
    return !runs(sandbox);
  }

  /** The ending of a command whose end was not reported in time, after its channel was closed. */
  ExecOutcome unreported(UserCommands commands, Duration timeout) throws InterruptedException {
    if (commands.reconnect()) {
      return ExecOutcome.unreported(timeout, "it was killed");
    }
    if (commands.isGone()) {
      return ExecOutcome.unreported(timeout, "the sandbox ended");
    }
    try {
      engine.ping();
    } catch (EngineException _) {
      return ExecOutcome.unreported(timeout, "the engine can't be reached");
    }
    unreachable.accept(commands.sandbox());
    return ExecOutcome.unreported(timeout, "the sandbox can't be reached any more and is ended");
  }

  /**
   * Whether a sandbox that ended by itself did so because its memory was used up. On gVisor, this
   * is all that can be known of a command: the sandbox's kernel is killed, with all processes.
   */
  private boolean isOutOfMemory(Sandbox sandbox) {
    try {
      return engine
          .find(sandbox.containerId())
          .filter(container -> container.state() == Container.State.ENDED)
          .filter(Container::oomKilled)
          .isPresent();
    } catch (EngineException e) {
      log.info("could not look at {}: {}", sandbox.containerId(), e.getMessage());
      return false;
    }
  }

  private boolean runs(Sandbox sandbox) {
    try {
      return engine.find(sandbox.containerId()).filter(Container::isRunning).isPresent();
    } catch (EngineException e) {
      log.info("could not look at {}: {}", sandbox.containerId(), e.getMessage());
      return true; // without an answer, assume that it runs
    }
  }
}
