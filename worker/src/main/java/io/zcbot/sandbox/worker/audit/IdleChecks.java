/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.log.RecordPosition;
import io.zcbot.sandbox.worker.audit.result.Check;
import java.util.function.LongPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Checks whether a sandbox was reaped too early or too late: {@link Check#I5} and {@link Check#I6}.
 *
 * @param mayBeRunning whether a command of the user may have been running at a time
 */
record IdleChecks(FoldContext context, UserId user, Home home, LongPredicate mayBeRunning) {
  void judge(TrackedSession session, TrackedSession.End end) {
    if (end.reason() == Reaped.Reason.IDLE) {
      judgeTooEarly(session, end);
    }
    if (isReapersToEnd(end.reason()) && (end.lastActiveAt() != null || isEachUseRecorded())) {
      // If its end was announced late, it may seem to have been used after its end.
      UsageWindow.Use before = session.lastUseAtOrBefore(end.at());
      UsageWindow.Use last = before == null ? session.lastUse() : before;
      long from =
          end.lastActiveAt() == null ? last.time() : Math.max(last.time(), end.lastActiveAt());
      judgeTooLate(session, from, end.at(), last.position(), end.position());
    }
  }

  void judgeOpen(TrackedSession session, long end) {
    if (!isEachUseRecorded()) {
      return;
    }
    UsageWindow.Use last = session.lastUse();
    judgeTooLate(session, last.time(), end, last.position());
  }

  /** Otherwise only its end tells when a sandbox was used last. */
  private boolean isEachUseRecorded() {
    return !context.rules().processesCountAsUse();
  }

  private void judgeTooEarly(TrackedSession session, TrackedSession.End end) {
    UsageWindow.Use byRecord = usedTooLately(session, end.time());
    UsageWindow.Use byWord = usedTooLately(session, end.reapedAt());
    if (byRecord != null && byWord != null) {
      context.violation(
          Check.I5,
          user,
          "container "
              + session.containerId()
              + " was reaped as idle "
              + FoldContext.seconds(end.reapedAt() - byWord.time())
              + " after it was used",
          byWord.position(),
          end.position());
    }
  }

  private UsageWindow.@Nullable Use usedTooLately(TrackedSession session, long reaped) {
    Rules rules = context.rules();
    UsageWindow.Use use = session.lastUseAtOrBefore(reaped - rules.grace().toMillis());
    boolean isInUse =
        use != null && reaped - use.time() < session.idleTtl().minus(rules.skew()).toMillis();
    return isInUse ? use : null;
  }

  private static boolean isReapersToEnd(Reaped.Reason reason) {
    return switch (reason) {
      case IDLE, DIED, LIFETIME, EVICTED, REPLACED, REQUESTED -> true;
      case PURGED, MOVED, LOST, SHUTDOWN, UNKNOWN -> false;
    };
  }

  private void judgeTooLate(
      TrackedSession session, long from, long to, RecordPosition... evidence) {
    Rules rules = context.rules();
    TrackedSession.Gap gap = isEachUseRecorded() ? session.gap() : null;
    long idle = rules.agedBetween(Math.max(from, session.busyUntil()), to);
    if (mayBeRunning.test(to)) {
      return; // the last command is not answered yet
    }
    if (idle > rules.longestIdle(session.idleTtl()) && areUsesKnown(evidence[0], from, to)) {
      tooLate(session, idle, evidence);
    } else if (gap != null
        && gap.to().time() <= to
        && areUsesKnown(gap.from().position(), gap.from().time(), gap.to().time())) {
      tooLate(
          session,
          rules.agedBetween(gap.from().time(), gap.to().time()),
          gap.from().position(),
          gap.to().position());
    }
  }

  /**
   * Whether the log has every use in a time: retention may have cut commands long before activity.
   * One that still ran at the end of the time shows only in its exec.
   */
  private boolean areUsesKnown(RecordPosition near, long from, long to) {
    return home.isKnown(Topic.ACTIVITY, near, from)
        && home.isKnown(Topic.READY, near, from)
        && home.isKnown(Topic.EXITED, near, from)
        && home.isKnown(Topic.EXEC, near, to - context.rules().longestCommand());
  }

  private void tooLate(TrackedSession session, long idle, RecordPosition... evidence) {
    context.violation(
        Check.I6,
        user,
        "container "
            + session.containerId()
            + " was idle for "
            + FoldContext.seconds(idle)
            + " without being reaped",
        evidence);
  }
}
