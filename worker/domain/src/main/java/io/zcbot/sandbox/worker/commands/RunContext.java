/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.sandbox.EventSink;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import java.time.Duration;
import java.util.function.Consumer;

/**
 * What all commands of a worker share.
 *
 * @param forgotten is called for each command that is over
 */
record RunContext(
    CommandSetup setup,
    EventSink sink,
    CommandAnswers answers,
    KnownCommands known,
    CommandMemory memory,
    Time time,
    SandboxMetrics metrics,
    ChannelLoss loss,
    Consumer<CommandRun> forgotten) {
  CommandTable table() {
    return setup.table();
  }

  Duration timeoutOf(Exec exec) {
    CommandLimits limits = setup.limits();
    Duration asked = exec.timeout();
    Duration timeout = asked == null ? limits.defaultTimeout() : asked;
    return timeout.compareTo(limits.maxTimeout()) > 0 ? limits.maxTimeout() : timeout;
  }

  CommandOutput outputOf(ExecRequest request, Fence fence) {
    Exec exec = request.exec();
    Integer asked = exec.maxOutputBytes();
    int bound = asked == null ? setup.limits().defaultOutput() : asked;
    CommandKey key = CommandKey.of(exec);
    return exec.stream()
        ? new StreamedOutput(
            key,
            bound,
            memory.streams().of(exec.userId()),
            sink.answering(request.context()),
            fence,
            time,
            metrics)
        : new InlineOutput(bound, memory.outputs().of(exec.userId()));
  }

  /** The input buffer of an exec's command. */
  InputBuffer inputOf(Exec exec) {
    return new InputBuffer(exec, memory.laterInputs().of(exec.userId()));
  }

  void forget(CommandRun run) {
    forgotten.accept(run);
  }
}
