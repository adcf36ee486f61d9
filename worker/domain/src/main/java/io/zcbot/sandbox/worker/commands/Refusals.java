/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.Exec;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Decides which execs this worker refuses, whatever the state of the sandbox. Pure. */
final class Refusals {
  private Refusals() {}

  static @Nullable ExecOutcome of(ExecRequest request, CommandSetup setup) {
    if (request.context().problem() != null) {
      return ExecOutcome.rejected(request.context().problem(), false);
    }
    if (setup.off() != null) {
      return ExecOutcome.rejected(setup.off(), false);
    }
    Exec exec = request.exec();
    Duration timeout = exec.timeout();
    Duration longest = setup.limits().maxTimeout();
    if (timeout != null && timeout.compareTo(longest) > 0) {
      return ExecOutcome.rejected(
          ("timeout_seconds is %d, and this worker allows %d; ask for less, or raise"
                  + " ZCBOT_COMMAND_MAX_TIMEOUT")
              .formatted(timeout.toSeconds(), longest.toSeconds()),
          false);
    }
    Integer output = exec.maxOutputBytes();
    int most = setup.limits().maxInlineOutput();
    if (!exec.stream() && output != null && output > most) {
      return ExecOutcome.rejected(
          ("max_output_bytes is %d, and of output that is not streamed %d are kept at most; ask for"
                  + " less, or set stream")
              .formatted(output, most),
          false);
    }
    return null;
  }

  static ExecOutcome tooManyCommands(CommandLimits limits) {
    return ExecOutcome.rejected(
        "%d commands of the user run or wait already; try again when some have ended"
            .formatted(limits.perSandbox() + limits.waiting()),
        true);
  }

  static ExecOutcome tooMuchToRead() {
    return ExecOutcome.rejected(
        "commands hold too much standard input that they have not read yet; try again later, or"
            + " send it by sandbox.input, which waits in the log",
        true);
  }
}
