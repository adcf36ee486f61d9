/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.result;

import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Site;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.log.RecordPosition;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * An exec and what became of it, without anything that the command read or wrote.
 *
 * @param at when it was recorded
 * @param line what it runs, cut
 * @param position of the exec
 * @param answer null if it was not answered
 */
public record AuditedCommand(
    UserId user,
    String execId,
    Instant at,
    String line,
    RecordPosition position,
    @Nullable Answer answer)
    implements Observation {
  /**
   * The first exited that names it.
   *
   * @param exitCode null unless it ended by itself, or its program could not be executed
   * @param signal null unless a signal ended it
   * @param isOutOfMemory whether a process was killed because memory was used up
   * @param site where it ran, or who answered if it never started
   * @param profile what its sandbox is made of; null if it never started, or no ready of its
   *     sandbox was read before
   * @param at when it was recorded
   * @param latencyMs from the exec's record time to the answer's; 0 where clocks make it less
   * @param tookMs as the worker took the time
   * @param cpuMs null where it is not known
   * @param output how much it wrote
   */
  public record Answer(
      Exited.Reason reason,
      @Nullable Integer exitCode,
      @Nullable Integer signal,
      boolean isOutOfMemory,
      Site site,
      @Nullable String profile,
      Instant at,
      long latencyMs,
      long tookMs,
      @Nullable Long cpuMs,
      Written output,
      RecordPosition position) {}

  /**
   * How much a command wrote, as far as it is in the log.
   *
   * @param records how many output events it had; 0 unless it was streamed
   * @param bytes standard output and standard error together
   * @param isCut whether output was left out
   */
  public record Written(long records, long bytes, boolean isCut) {}
}
