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
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.LongPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Checks whether a sandbox was reaped too early or too late, by its use or by the end that an
 * ensure set: {@link Check#I5} and {@link Check#I6}.
 *
 * @param mayBeRunning whether a command of the user may have been running at a time
 */
record IdleChecks(
    FoldContext context, UserId user, UserPartition userPartition, LongPredicate mayBeRunning) {
  void judge(TrackedSession session, TrackedSession.End end) {
    if (end.reason() == Reaped.Reason.IDLE) {
      judgeTooEarly(session, end);
    }
    if (end.reason() == Reaped.Reason.ENDS_AT) {
      judgeBeforeItsEnd(session, end);
    }
    if (isReapersToEnd(end.reason())) {
      judgeAfterItsEnd(session, end.at(), end.position());
    }
    if (isReapersToEnd(end.reason()) && (end.lastActiveAt() != null || isEachUseRecorded())) {
      // If its end was announced late, it may seem to have been used after its end.
      UsageWindow.Use before = session.lastUseAtOrBefore(end.at());
      UsageWindow.Use last = before == null ? session.lastUse() : before;
      long from =
          end.lastActiveAt() == null ? last.time() : Math.max(last.time(), end.lastActiveAt());
      // A worker reaps no sandbox as idle while a command runs in it.
      boolean namesLastUse = end.reason() == Reaped.Reason.IDLE && end.lastActiveAt() != null;
      judgeTooLate(session, from, end.at(), namesLastUse, last.position(), end.position());
    }
  }

  void judgeOpen(TrackedSession session, long end) {
    judgeAfterItsEnd(session, end);
    if (!isEachUseRecorded()) {
      return;
    }
    UsageWindow.Use last = session.lastUse();
    judgeTooLate(session, last.time(), end, false, last.position());
  }

  /** Otherwise only its end tells when a sandbox was used last. */
  private boolean isEachUseRecorded() {
    return !context.rules().processesCountAsUse();
  }

  private void judgeTooEarly(TrackedSession session, TrackedSession.End end) {
    UsageWindow.Use byRecordTime = usedTooLately(session, end.time());
    UsageWindow.Use byReapTime = usedTooLately(session, end.reapedAt());
    if (byRecordTime != null && byReapTime != null) {
      context.violation(
          Check.I5,
          user,
          "container "
              + session.containerId()
              + " was reaped as idle "
              + FoldContext.seconds(end.reapedAt() - byReapTime.time())
              + " after it was used",
          byReapTime.position(),
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

  private void judgeBeforeItsEnd(TrackedSession session, TrackedSession.End end) {
    Instant endsAt = session.endsAt();
    long latest = Math.max(end.time(), end.reapedAt());
    if (endsAt == null) {
      early(session, end, "though its last ready has no ends_at");
    } else if (endsAt.minus(context.rules().skew()).isAfter(Instant.ofEpochMilli(latest))) {
      early(session, end, "before that, " + endsAt);
    }
  }

  private void early(TrackedSession session, TrackedSession.End end, String problem) {
    context.violation(
        Check.I5,
        user,
        "container " + session.containerId() + " was reaped for its ends_at " + problem,
        Objects.requireNonNull(session.lastReady()).position(),
        end.position());
  }

  /** Judges whether a sandbox outlived the end that an ensure set. */
  private void judgeAfterItsEnd(TrackedSession session, long to, RecordPosition... evidence) {
    Instant endsAt = session.endsAt();
    if (endsAt == null || !endsAt.isBefore(Instant.ofEpochMilli(to))) {
      return;
    }
    TrackedSession.Announced told = Objects.requireNonNull(session.lastReady());
    long outlived = context.rules().agedBetween(Math.max(endsAt.toEpochMilli(), told.time()), to);
    if (outlived > context.rules().longestIdle(Duration.ZERO)) {
      List<RecordPosition> all = new ArrayList<>(List.of(told.position()));
      all.addAll(List.of(evidence));
      context.violation(
          Check.I6,
          user,
          "container "
              + session.containerId()
              + " outlived its ends_at by "
              + FoldContext.seconds(outlived)
              + " without being reaped",
          all.toArray(RecordPosition[]::new));
    }
  }

  private static boolean isReapersToEnd(Reaped.Reason reason) {
    return switch (reason) {
      case IDLE, DIED, LIFETIME, ENDS_AT, EVICTED, REPLACED, REQUESTED -> true;
      case PURGED, MOVED, LOST, SHUTDOWN, UNKNOWN -> false;
    };
  }

  /**
   * Judges whether a sandbox was idle for too long.
   *
   * @param namesLastUse whether the reaped event says since when it was idle; else this is counted
   *     only while the log has every use, since retention may have cut commands long before
   *     activity
   */
  private void judgeTooLate(
      TrackedSession session,
      long from,
      long to,
      boolean namesLastUse,
      RecordPosition... evidence) {
    if (mayBeRunning.test(to)) {
      return; // the last command is not answered yet
    }
    Rules rules = context.rules();
    long counted = namesLastUse ? from : Math.max(from, usesKnownSince(evidence[0]));
    long idle = rules.agedBetween(Math.max(counted, session.busyUntil()), to);
    if (idle > rules.longestIdle(session.idleTtl())
        && (namesLastUse || areExecsKnown(session, evidence[0], to))) {
      tooLate(session, idle, evidence);
    } else if (isEachUseRecorded()) {
      judgeGap(session, to);
    }
  }

  private void judgeGap(TrackedSession session, long until) {
    TrackedSession.Gap gap = session.gapUntil(until);
    if (gap == null) {
      return;
    }
    long from = gap.from().time();
    long to = gap.to().time();
    RecordPosition near = gap.from().position();
    if (from >= usesKnownSince(near) && areExecsKnown(session, near, to)) {
      tooLate(session, context.rules().agedBetween(from, to), near, gap.to().position());
    }
  }

  /** Since when the log has every use, apart from commands that have not ended. */
  private long usesKnownSince(RecordPosition near) {
    long withoutCommands =
        Math.max(
            userPartition.knownSince(Topic.ACTIVITY, near),
            userPartition.knownSince(Topic.READY, near));
    return Math.max(withoutCommands, userPartition.knownSince(Topic.EXITED, near));
  }

  /**
   * Whether the log has the exec of each command that may still run at a time. None runs that was
   * due before, or that can't have waited for the sandbox to begin.
   */
  private boolean areExecsKnown(TrackedSession session, RecordPosition near, long time) {
    Rules rules = context.rules();
    TrackedSession.Announced start = session.start();
    long due = time - rules.longestCommand();
    long first =
        start != null && start.isBeginning()
            ? Math.max(due, start.time() - rules.longestWait())
            : due;
    return userPartition.isKnown(Topic.EXEC, near, first);
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
