/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.EventSink;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.Time;
import java.time.Duration;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What all commands of a worker share.
 *
 * @param unreachable has a sandbox ended in which no command can be reached
 * @param forgotten told of each command that is over
 */
record CommandContext(
    CommandSetup setup,
    Engine engine,
    EventSink sink,
    CommandAnswers answers,
    KnownCommands known,
    OutputBudget budget,
    Time time,
    Consumer<Sandbox> unreachable,
    Consumer<CommandRun> forgotten) {
  private static final Logger log = LoggerFactory.getLogger(CommandContext.class);

  CommandTable table() {
    return setup.table();
  }

  Duration timeoutOf(Exec exec) {
    CommandLimits limits = setup.limits();
    Duration asked = exec.timeout();
    Duration timeout = asked == null ? limits.defaultTimeout() : asked;
    return timeout.compareTo(limits.maxTimeout()) > 0 ? limits.maxTimeout() : timeout;
  }

  CommandOutput outputOf(Exec exec, Fence fence) {
    Integer asked = exec.maxOutputBytes();
    int bound = asked == null ? setup.limits().defaultOutput() : asked;
    CommandKey key = new CommandKey(exec.userId(), exec.eventId());
    return exec.stream()
        ? new StreamedOutput(key, bound, budget, sink, fence, time)
        : new InlineOutput(bound, budget);
  }

  /** Whether a sandbox runs, as far as the engine tells. */
  boolean runs(Sandbox sandbox) {
    try {
      return engine.find(sandbox.containerId()).filter(Container::isRunning).isPresent();
    } catch (EngineException e) {
      log.info("could not look at {}: {}", sandbox.containerId(), e.getMessage());
      return true; // being cut off ends nothing
    }
  }

  /** Has a sandbox ended in which nothing answers, if that isn't the engine's fault. */
  boolean endUnreachable(Sandbox sandbox) {
    try {
      engine.ping();
    } catch (EngineException _) {
      return false;
    }
    unreachable.accept(sandbox);
    return true;
  }

  void forget(CommandRun run) {
    forgotten.accept(run);
  }
}
