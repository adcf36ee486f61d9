/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.result.Check;

/** Checks whether two sessions of one user were announced for the same time: {@link Check#I1}. */
final class OverlapCheck {
  private OverlapCheck() {}

  /** Judges two sessions as far as they are known. May be called again when more is known. */
  static void judge(TrackedSession one, TrackedSession other, FoldContext context, UserId user) {
    TrackedSession.Announced a = one.start();
    TrackedSession.Announced b = other.start();
    if (one == other || a == null || b == null) {
      return;
    }
    if (a.isBefore(b)) {
      judge(one, a, other, b, context, user);
    } else {
      judge(other, b, one, a, context, user);
    }
  }

  private static void judge(
      TrackedSession older,
      TrackedSession.Announced olderStart,
      TrackedSession younger,
      TrackedSession.Announced youngerStart,
      FoldContext context,
      UserId user) {
    TrackedSession.Announced life = older.lastReady();
    if (older.overlapReported || life == null) {
      return;
    }
    TrackedSession.End olderEnd = older.end();
    TrackedSession.End youngerEnd = younger.end();
    long until = olderEnd == null ? life.time() : olderEnd.at();
    if (youngerEnd != null) {
      until = Math.min(until, youngerEnd.at());
    }
    long overlap = until - youngerStart.time();
    if (overlap > context.rules().tolerance(older.workerId(), younger.workerId())) {
      older.overlapReported = true;
      context.violation(
          Check.I1,
          user,
          Math.max(youngerStart.time(), olderEnd == null ? life.time() : olderEnd.time()),
          "containers "
              + older.containerId()
              + " and "
              + younger.containerId()
              + " were announced as running at the same time for "
              + FoldContext.seconds(overlap),
          olderStart.position(),
          youngerStart.position(),
          olderEnd == null ? life.position() : olderEnd.position());
    }
  }
}
