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

/** What became of commands of which the sandbox tells nothing any more. */
final class ChannelLoss {
  private static final Logger log = LoggerFactory.getLogger(ChannelLoss.class);

  /** The news that the sandbox ended may come this much later than that its channel broke. */
  private static final Duration NEWS = Duration.ofMillis(300);

  private final Engine engine;
  private final Consumer<Sandbox> unreachable;

  /**
   * Asks an engine.
   *
   * @param unreachable has a sandbox ended in which nothing answers
   */
  ChannelLoss(Engine engine, Consumer<Sandbox> unreachable) {
    this.engine = engine;
    this.unreachable = unreachable;
  }

  /** The channel broke while a command ran. */
  Ending broken(UserCommands commands, String why) throws InterruptedException {
    Sandbox sandbox = commands.sandbox();
    if (!runs(sandbox) || commands.awaitGone(NEWS) || !runs(sandbox)) {
      return Ending.sandboxGone();
    }
    commands.reconnect(); // what the broken channel left must not go on unwatched
    return Ending.lost("the connection to the sandbox's commands broke: " + why);
  }

  /** The channel could not be opened, so that nothing was started. */
  Ending unopened(UserCommands commands, EngineException why) {
    return commands.isGone() || isDead(commands.sandbox())
        ? Ending.goneBeforeStart()
        : Ending.unstartable(why);
  }

  /** Whether a sandbox is seen not to run. */
  boolean isDead(Sandbox sandbox) {
    return !runs(sandbox);
  }

  /** A command's end was not reported in time, and its channel is closed. */
  Ending unreported(UserCommands commands, Duration timeout) throws InterruptedException {
    if (commands.reconnect()) {
      return Ending.unreported(timeout, "it was killed");
    }
    try {
      engine.ping();
    } catch (EngineException _) {
      return Ending.unreported(timeout, "the engine can't be reached");
    }
    unreachable.accept(commands.sandbox());
    return Ending.unreported(timeout, "the sandbox can't be reached any more and is ended");
  }

  private boolean runs(Sandbox sandbox) {
    try {
      return engine.find(sandbox.containerId()).filter(Container::isRunning).isPresent();
    } catch (EngineException e) {
      log.info("could not look at {}: {}", sandbox.containerId(), e.getMessage());
      return true; // being cut off ends nothing
    }
  }
}
