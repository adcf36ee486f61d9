/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.Exited.Reason;
import io.zcbot.sandbox.worker.engine.CommandEnd;
import io.zcbot.sandbox.worker.engine.CommandEnd.OutOfMemory;
import io.zcbot.sandbox.worker.engine.EngineException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How an exec ended, as its answer says.
 *
 * @param started whether the command was started, or may have been
 * @param outOfMemory set if a process was killed because memory was used up
 */
record ExecOutcome(
    Reason reason,
    boolean started,
    @Nullable Integer exitCode,
    @Nullable Integer signal,
    int survivors,
    @Nullable Duration cpu,
    @Nullable String message,
    boolean retryable,
    @Nullable OutOfMemory outOfMemory) {
  private static final int SIGKILL = 9;
  private static final long MEBIBYTE = 1 << 20;

  static ExecOutcome rejected(String why, boolean retryable) {
    return notStarted(Reason.REJECTED, why, retryable);
  }

  static ExecOutcome failed(String why, boolean retryable) {
    return notStarted(Reason.FAILED, why, retryable);
  }

  /** Nothing was started, because the sandbox could not be instructed to. */
  static ExecOutcome unstartable(EngineException why) {
    return failed(
        "the command could not be started: " + why.getMessage(), why.kind().isRetryable());
  }

  static ExecOutcome expired() {
    return notStarted(
        Reason.EXPIRED,
        "the exec expired before its command could start; send a new one if it is still needed",
        true);
  }

  static ExecOutcome noSandbox() {
    return notStarted(
        Reason.NO_SANDBOX, "the user has no sandbox, and the exec did not ask for one", false);
  }

  static ExecOutcome goneBeforeStart() {
    return notStarted(
        Reason.SANDBOX_GONE, "the sandbox ended before the command could start", true);
  }

  /**
   * The sandbox ended while the command ran.
   *
   * @param isOutOfMemory whether it ended because its memory was used up
   */
  static ExecOutcome sandboxGone(boolean isOutOfMemory) {
    String message = "the sandbox ended while the command ran";
    return isOutOfMemory
        ? started(Reason.SANDBOX_GONE, message, new OutOfMemory(null))
        : of(Reason.SANDBOX_GONE, message);
  }

  static ExecOutcome lost(String why) {
    return of(Reason.LOST, why);
  }

  static ExecOutcome unreported(Duration timeout, String consequence) {
    return of(
        Reason.TIMEOUT,
        "the command's end was not reported after its time-out of %s s; %s"
            .formatted(timeout.toSeconds(), consequence));
  }

  /** The ending of a command whose end the sandbox reported. */
  static ExecOutcome of(CommandEnd end, Duration timeout) {
    return switch (end) {
      case CommandEnd.Exited(int code, Duration cpu, OutOfMemory memory) ->
          new ExecOutcome(
              Reason.EXITED, true, code, null, 0, cpu, message(null, memory), false, memory);
      case CommandEnd.Signalled(int number, Duration cpu, OutOfMemory memory) ->
          new ExecOutcome(
              Reason.SIGNALLED, true, null, number, 0, cpu, message(null, memory), false, memory);
      case CommandEnd.Killed(boolean timedOut, int survivors, Duration cpu, OutOfMemory memory) ->
          new ExecOutcome(
              timedOut ? Reason.TIMEOUT : Reason.SIGNALLED,
              true,
              null,
              timedOut ? null : SIGKILL,
              survivors,
              cpu,
              message(timedOut ? timedOut(timeout, survivors) : null, memory),
              false,
              memory);
      case CommandEnd.NotStarted(String why, boolean retryable, Integer exitCode) ->
          new ExecOutcome(Reason.FAILED, false, exitCode, null, 0, null, why, retryable, null);
      case CommandEnd.Broken(String why) -> lost(why);
    };
  }

  private static String timedOut(Duration timeout, int survivors) {
    return "the command ran into its time-out of "
        + timeout.toSeconds()
        + " s and was killed"
        + (survivors == 0 ? "" : "; " + survivors + " of its processes are left all the same");
  }

  /** Adds to a message that memory was used up, and what to do. */
  private static @Nullable String message(@Nullable String other, @Nullable OutOfMemory memory) {
    if (memory == null) {
      return other;
    }
    Long limit = memory.limit();
    String size =
        limit == null
            ? ""
            : " of " + (limit % MEBIBYTE == 0 ? limit / MEBIBYTE + " MiB" : limit + " bytes");
    return (other == null ? "a process was killed: " : other + ": ")
        + "the sandbox's memory"
        + size
        + " was used up; use less at a time, or have ZCBOT_SANDBOX_MEMORY raised";
  }

  private static ExecOutcome notStarted(Reason reason, String message, boolean retryable) {
    return new ExecOutcome(reason, false, null, null, 0, null, message, retryable, null);
  }

  private static ExecOutcome of(Reason reason, String message) {
    return started(reason, message, null);
  }

  private static ExecOutcome started(Reason reason, String message, @Nullable OutOfMemory memory) {
    return new ExecOutcome(
        reason, true, null, null, 0, null, message(message, memory), false, memory);
  }
}
