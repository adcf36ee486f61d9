/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Exited;
import org.jspecify.annotations.Nullable;

/** How a command in a sandbox ended, as far as its caller knows. */
sealed interface CommandEnding {
  /** The exit code that this program passes on. */
  int exitCode();

  /** The message for standard error; null if none is needed. */
  @Nullable String message();

  /**
   * The exec was answered.
   *
   * @param missing number of output events that did not arrive
   */
  record Answered(Exited exited, long missing) implements CommandEnding {
    @Override
    public int exitCode() {
      return switch (exited.reason()) {
        case EXITED ->
            missing > 0
                ? ExitCode.UNKNOWN_END
                : exited.exitCode() == null ? ExitCode.OK : exited.exitCode();
        case SIGNALLED -> ExitCode.ofSignal(exited.signal() == null ? 0 : exited.signal());
        case TIMEOUT -> ExitCode.TIMED_OUT;
        case SANDBOX_GONE, UNKNOWN -> exited.retryable() ? ExitCode.RETRY : ExitCode.UNKNOWN_END;
        case LOST -> ExitCode.UNKNOWN_END;
        case EXPIRED, REJECTED, NO_SANDBOX, FAILED ->
            exited.retryable() ? ExitCode.RETRY : notRun();
      };
    }

    private int notRun() {
      Integer code = exited.exitCode();
      return code != null && (code == ExitCode.NOT_FOUND || code == ExitCode.NOT_EXECUTABLE)
          ? code
          : ExitCode.NOT_RUN;
    }

    @Override
    public @Nullable String message() {
      StringBuilder text = new StringBuilder();
      String what =
          switch (exited.reason()) {
            case EXITED, SIGNALLED -> "";
            case TIMEOUT -> "the command ran into its time-out and was killed";
            case SANDBOX_GONE, UNKNOWN -> endedOtherwise();
            case LOST -> "the command may have run, and how it ended is not known";
            case EXPIRED -> "the command did not run: it could not start in time";
            case REJECTED -> "the command did not run: it was rejected";
            case NO_SANDBOX -> "the command did not run: the user has no sandbox";
            case FAILED -> "the command did not run";
          };
      text.append(what);
      if (exited.message() != null && !what.isEmpty()) {
        text.append(": ").append(EventText.plain(exited.message()));
      } else if (exited.oomKilled()) {
        text.append(
            exited.message() == null
                ? "a process was killed: the sandbox's memory was used up"
                : EventText.plain(exited.message()));
      }
      if (exited.survivors() > 0) {
        separate(text).append(exited.survivors()).append(" of its processes could not be killed");
      }
      if (exited.truncated()) {
        separate(text).append("its output was cut off; --max-output allows more");
      }
      if (missing > 0) {
        separate(text).append(missing).append(" of its outputs did not arrive");
      }
      return text.isEmpty() ? null : text.toString();
    }

    private String endedOtherwise() {
      if (exited.retryable()) {
        return "the command did not run";
      }
      return exited.reason() == Exited.Reason.UNKNOWN
          ? "the command ended in a way that only a newer version knows"
          : "the sandbox ended while the command ran";
    }

    private static StringBuilder separate(StringBuilder text) {
      return text.isEmpty() ? text : text.append("; ");
    }
  }

  /** No answer came in time. */
  record Unanswered(String message) implements CommandEnding {
    @Override
    public int exitCode() {
      return ExitCode.UNKNOWN_END;
    }
  }

  /**
   * The caller stopped waiting.
   *
   * @param exitCode as of a program that was ended by that signal
   */
  record Left(int exitCode, String message) implements CommandEnding {}
}
