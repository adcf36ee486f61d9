/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.result;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.log.RecordPosition;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * One ensure and its first answer.
 *
 * @param at its record time
 * @param answer null if it was open at the end of the log
 */
public record AuditedEnsure(
    UserId user, String eventId, Instant at, RecordPosition position, @Nullable Answer answer)
    implements Observation {
  /**
   * What became of it.
   *
   * @param outcome a ready's outcome or a failed's reason, as on the wire
   * @param containerId null for a failed
   * @param latencyMs from the ensure's record time to the answer's; 0 where clocks make it less
   * @param tookMs as the ready says; null for a failed
   */
  public record Answer(
      String outcome,
      @Nullable String containerId,
      long latencyMs,
      @Nullable Long tookMs,
      RecordPosition position) {}
}
