/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import org.jspecify.annotations.Nullable;

/**
 * Says that a command ended or will not run: the answer to an {@link Exec}.
 *
 * @param execId the {@code event_id} of the exec
 * @param reason why the command does not run any more
 * @param exitCode the command's exit code with {@link Reason#EXITED}; with {@link Reason#FAILED}
 *     what shells exit with if its program was not found (127) or could not be executed (126)
 * @param signal the number of the signal that ended the command; only with {@link Reason#SIGNALLED}
 * @param stdout the command's standard output; null if it was streamed or the command never started
 * @param stderr the command's standard error; null if it was streamed or the command never started
 * @param outputCount how many {@link Output}s the command had; 0 unless its output was streamed,
 *     and 0 if the worker that ran it is gone ({@link Reason#LOST})
 * @param truncated whether output was dropped because of {@code max_output_bytes}
 * @param survivors how many processes of the command could not be killed
 * @param site the container in which the command ran; the worker that answers if it never started
 * @param startedAt when the command started; null if it never started
 * @param tookMs milliseconds from the command's start to its end; 0 if it never started
 * @param cpu processor time of the command and its children, truncated to milliseconds; null if
 *     unknown
 * @param message an explanation for people; null if there is nothing to explain
 * @param retryable whether the command did not start, and can succeed later without anyone changing
 *     anything
 * @param oomKilled whether the kernel killed a process because memory was used up, while the
 *     command ran; then most likely one of its processes
 * @param memoryLimit how much memory the sandbox may use, in bytes; null unless that was used up
 */
public record Exited(
    String eventId,
    UserId userId,
    String execId,
    Instant exitedAt,
    Reason reason,
    @Nullable Integer exitCode,
    @Nullable Integer signal,
    @Nullable Data stdout,
    @Nullable Data stderr,
    long outputCount,
    boolean truncated,
    int survivors,
    Site site,
    @Nullable Instant startedAt,
    long tookMs,
    @Nullable Duration cpu,
    @Nullable String message,
    boolean retryable,
    boolean oomKilled,
    @Nullable Long memoryLimit)
    implements SandboxEvent {
  public Exited {
    cpu = cpu == null ? null : cpu.truncatedTo(ChronoUnit.MILLIS);
  }

  /** Creates an event of a command for which there was memory enough. */
  public Exited(
      String eventId,
      UserId userId,
      String execId,
      Instant exitedAt,
      Reason reason,
      @Nullable Integer exitCode,
      @Nullable Integer signal,
      @Nullable Data stdout,
      @Nullable Data stderr,
      long outputCount,
      boolean truncated,
      int survivors,
      Site site,
      @Nullable Instant startedAt,
      long tookMs,
      @Nullable Duration cpu,
      @Nullable String message,
      boolean retryable) {
    this(
        eventId,
        userId,
        execId,
        exitedAt,
        reason,
        exitCode,
        signal,
        stdout,
        stderr,
        outputCount,
        truncated,
        survivors,
        site,
        startedAt,
        tookMs,
        cpu,
        message,
        retryable,
        false,
        null);
  }

  /** Why the command does not run any more. */
  public enum Reason implements WireName {
    /** The command ended by itself. */
    EXITED,
    /** The command exceeded its time-out, and its process tree was killed. */
    TIMEOUT,
    /** A signal ended the command. */
    SIGNALLED,
    /** The command's sandbox ended. */
    SANDBOX_GONE,
    /**
     * The command may have started, and its end is not known: its worker or host is gone, or the
     * worker's connection to the sandbox broke.
     */
    LOST,
    /** The exec expired before the command could start. */
    EXPIRED,
    /** The worker does not run this command: it exceeds a limit, or commands are switched off. */
    REJECTED,
    /** There is no sandbox, and the exec did not ask for one. */
    NO_SANDBOX,
    /** The command could not be started: no sandbox could be made, or there is no such program. */
    FAILED,
    /** A reason that this version does not know; workers of this version never publish it. */
    UNKNOWN
  }

  /** Returns the container in which the command ran; null if it never started. */
  public @Nullable ContainerRef container() {
    return site instanceof ContainerRef container ? container : null;
  }

  @Override
  public Instant at() {
    return exitedAt;
  }
}
