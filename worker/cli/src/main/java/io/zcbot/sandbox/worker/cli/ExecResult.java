/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Exited;
import org.jspecify.annotations.Nullable;

/** How a command in a sandbox ended, as far as its caller knows. */
sealed interface ExecResult {
  /** The exit code that this program passes on. */
  int exitCode();

  /** The message for standard error; null if none is needed. */
  @Nullable String message();

  /**
   * The exec was answered.
   *
   * @param missing number of output events that did not arrive
   */
  record Answered(Exited exited, long missing) implements ExecResult {
    private static final String NOT_RUN = "the command did not run";

    @Override
    public int exitCode() {
      return switch (exited.reason()) {
        case EXITED -> missing > 0 ? ExitCode.UNKNOWN_END : ofExited();
        case SIGNALLED -> ExitCode.ofSignal(exited.signal() == null ? 0 : exited.signal());
        case TIMEOUT -> ExitCode.TIMED_OUT;
        case SANDBOX_GONE, UNKNOWN -> exited.retryable() ? ExitCode.RETRY : ExitCode.UNKNOWN_END;
        case LOST -> ExitCode.UNKNOWN_END;
        case EXPIRED, REJECTED, NO_SANDBOX, FAILED ->
            exited.retryable() ? ExitCode.RETRY : notRun();
      };
    }

    /** A cut output must not pass for the whole; a failure is the more important of the two. */
    private int ofExited() {
      if (exited.exitCode() != null && exited.exitCode() != ExitCode.OK) {
        return exited.exitCode();
      }
      return exited.truncated() ? ExitCode.OUTPUT_CUT : ExitCode.OK;
    }

    private int notRun() {
      Integer code = exited.exitCode();
      return code != null && (code == ExitCode.NOT_FOUND || code == ExitCode.NOT_EXECUTABLE)
          ? code
          : ExitCode.NOT_RUN;
    }

    @Override
    public @Nullable String message() {
      StringBuilder text = new StringBuilder(outcome());
      String why = exited.message() == null ? usualReason() : EventText.plain(exited.message());
      if (why != null) {
        text.append(text.isEmpty() ? "" : ": ").append(why);
      }
      if (exited.survivors() > 0 && exited.message() == null) { // which tells them
        separate(text).append(exited.survivors()).append(" of its processes could not be killed");
      }
      if (exited.truncated()) {
        separate(text)
            .append("its output was cut off; --max-output keeps up to ")
            .append(ExecOptions.MAX_OUTPUT)
            .append(", and 'cp' copies a file of any size");
      }
      if (missing > 0) {
        separate(text).append(missing).append(" of its outputs did not arrive");
      }
      return text.isEmpty() ? null : text.toString();
    }

    /** Whether the command ran, where the reason does not tell it. */
    private String outcome() {
      return switch (exited.reason()) {
        case EXITED, SIGNALLED, TIMEOUT -> "";
        case SANDBOX_GONE -> exited.retryable() ? NOT_RUN : "";
        case UNKNOWN ->
            exited.retryable()
                ? NOT_RUN
                : "the command ended in a way that only a newer version knows";
        case LOST -> "the command may have run, and how it ended is not known";
        case EXPIRED, REJECTED, NO_SANDBOX, FAILED -> NOT_RUN;
      };
    }

    /** What an answer without a message means; null if there is nothing to explain. */
    private @Nullable String usualReason() {
      return switch (exited.reason()) {
        case EXITED, SIGNALLED ->
            exited.oomKilled() ? "a process was killed: the sandbox's memory was used up" : null;
        case UNKNOWN, LOST, FAILED -> null;
        case TIMEOUT -> "the command ran into its time-out and was killed";
        case SANDBOX_GONE -> exited.retryable() ? null : "the sandbox ended while the command ran";
        case EXPIRED -> "it could not start in time";
        case REJECTED -> "it was rejected";
        case NO_SANDBOX -> "the user has no sandbox";
      };
    }

    private static StringBuilder separate(StringBuilder text) {
      return text.isEmpty() ? text : text.append("; ");
    }
  }

  /** No answer came in time. */
  record Unanswered(String message) implements ExecResult {
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
  record Left(int exitCode, String message) implements ExecResult {}
}
