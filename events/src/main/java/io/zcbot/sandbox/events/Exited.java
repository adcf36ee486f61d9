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
 * A command ended, or will not run: the answer to an {@link Exec}.
 *
 * @param execId the {@code event_id} of the exec
 * @param exitCode the command's exit code; only with {@link Reason#EXITED}
 * @param signal the number of the signal that ended it; only with {@link Reason#SIGNALLED}
 * @param stdout its standard output, unless it was streamed or never started
 * @param stderr as {@code stdout}
 * @param outputCount how many {@link Output}s it had; 0 unless it was streamed
 * @param truncated whether output was left out, because of {@code max_output_bytes}
 * @param survivors how many processes of a command that was to be killed as a whole are left
 * @param site where it ran; the worker that answers if it never started
 * @param startedAt absent if it never started
 * @param tookMs milliseconds from its start to its end; 0 if it never started
 * @param cpu processor time that it and its children used, in whole milliseconds, where known
 * @param message for a person, if there is something to say
 * @param retryable whether the same command can succeed later without anyone changing anything, and
 *     did not start
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
    boolean retryable)
    implements SandboxEvent {
  public Exited {
    cpu = cpu == null ? null : cpu.truncatedTo(ChronoUnit.MILLIS);
  }

  /** Why the command runs no more. */
  public enum Reason implements WireName {
    /** It ended by itself. */
    EXITED,
    /** It ran into its time-out, and its process tree was killed. */
    TIMEOUT,
    /** A signal ended it. */
    SIGNALLED,
    /** Its sandbox ended. */
    SANDBOX_GONE,
    /** Its start may have happened, and its end is not known: the worker or its host is gone. */
    LOST,
    /** The exec expired before the command could start. */
    EXPIRED,
    /** The worker does not run such a command: a limit, or commands are switched off. */
    REJECTED,
    /** There is no sandbox, and the exec did not ask for one. */
    NO_SANDBOX,
    /** It could not be started: no sandbox could be made, or there is no such program. */
    FAILED,
    /** One that a newer version has; no worker publishes it. */
    UNKNOWN
  }

  /** The container in which it ran; null if it never started. */
  public @Nullable ContainerRef container() {
    return site instanceof ContainerRef container ? container : null;
  }

  @Override
  public Instant at() {
    return exitedAt;
  }
}
