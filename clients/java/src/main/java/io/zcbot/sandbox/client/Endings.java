/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.OutputStreamName;
import java.time.Duration;
import java.util.Set;

/** Converts the end of a command to a result or an exception. */
final class Endings {
  private static final int SIGNAL = 128;
  private static final int KILLED = SIGNAL + 9;

  /** Reasons that a command which was not started does not have. */
  private static final Set<Exited.Reason> RAN =
      Set.of(
          Exited.Reason.EXITED, Exited.Reason.SIGNALLED, Exited.Reason.TIMEOUT, Exited.Reason.LOST);

  private Endings() {}

  /** Whether the command was started, or may have been. */
  static boolean mayHaveRun(Exited exited) {
    return exited.startedAt() != null || RAN.contains(exited.reason());
  }

  /** Returns the result, or throws the exception that says why there is none. */
  static CommandResult result(Exited exited, Transcript transcript) {
    CommandResult result = resultOf(exited, transcript);
    if (!mayHaveRun(exited)) {
      throw new CommandNotStartedException(exited);
    }
    if (exited.reason() == Exited.Reason.TIMEOUT) {
      throw new CommandTimeoutException(result);
    }
    if (!isEndKnown(exited)) {
      throw new CommandLostException(exited, result);
    }
    if (transcript.missing() > 0) {
      throw new OutputLostException(transcript.missing(), result);
    }
    return result;
  }

  private static boolean isEndKnown(Exited exited) {
    return switch (exited.reason()) {
      case EXITED, SIGNALLED -> true;
      case UNKNOWN -> exited.exitCode() != null || exited.signal() != null; // a newer worker's
      default -> false;
    };
  }

  static CommandResult resultOf(Exited exited, Transcript transcript) {
    int signal = exited.signal() == null ? 0 : exited.signal();
    return new CommandResult(
        exitCode(exited, signal),
        signal,
        transcript.written(OutputStreamName.STDOUT),
        transcript.written(OutputStreamName.STDERR),
        exited.truncated(),
        exited.survivors(),
        exited.startedAt(),
        Duration.ofMillis(exited.tookMs()),
        exited.cpu(),
        exited.site(),
        exited.oomKilled(),
        exited.memoryLimit());
  }

  private static int exitCode(Exited exited, int signal) {
    if (exited.exitCode() != null) {
      return exited.exitCode();
    }
    return signal == 0 ? KILLED : SIGNAL + signal;
  }
}
