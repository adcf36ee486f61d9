/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.log.RecordPosition;
import io.zcbot.sandbox.worker.audit.result.Check;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.LongPredicate;
import org.jspecify.annotations.Nullable;

/**
 * A user's open sessions, and the latest that ended. Checks I4, and calls the checks of I1, I5 and
 * I6.
 */
final class SessionHistory {
  private static final int ENDED_KEPT = 16;

  private final UserId user;
  private final FoldContext context;
  private final UserPartition userPartition;
  private final LongPredicate mayBeRunning;
  private final List<TrackedSession> open = new ArrayList<>(1);
  private final Deque<TrackedSession> ended = new ArrayDeque<>(2);

  /**
   * Starts without sessions.
   *
   * @param mayBeRunning whether a command of the user may have been running at a time
   */
  SessionHistory(
      UserId user, FoldContext context, UserPartition userPartition, LongPredicate mayBeRunning) {
    this.user = user;
    this.context = context;
    this.userPartition = userPartition;
    this.mayBeRunning = mayBeRunning;
  }

  boolean isQuiet() {
    return open.isEmpty();
  }

  /** Notes a use of the user's sandbox. */
  void used(long time, RecordPosition position, boolean isRepeated) {
    if (!open.isEmpty()) {
      excuse(open.getLast(), time);
      open.getLast().used(time, position, isRepeated);
    } else if (!isRepeated) {
      context.counters().activitiesOutside++;
    }
  }

  /** Returns what a sandbox is made of; null if no ready of it was read. */
  @Nullable String profile(String containerId) {
    TrackedSession session = find(open, containerId);
    if (session == null) {
      session = find(ended, containerId);
    }
    TrackedSession.Announced start = session == null ? null : session.start();
    return start == null ? null : start.profile();
  }

  /** Notes that a command ended, and used its sandbox until then. */
  void ran(Exited exited, RecordPosition position) {
    if (exited.container() != null && exited.startedAt() != null) {
      TrackedSession session = find(open, exited.container().id());
      if (session != null) {
        long from = exited.startedAt().toEpochMilli();
        excuse(session, from);
        session.ran(
            from,
            exited.exitedAt().toEpochMilli(),
            // The end of a lost command is not known, so it only excuses the sandbox's age.
            exited.reason() == Exited.Reason.LOST ? null : position);
      }
    }
  }

  /**
   * Extends the time in which a session may have been in use: the end of a command may be read
   * later than what followed it.
   */
  private void excuse(TrackedSession session, long time) {
    if (mayBeRunning.test(time)) {
      session.busyUntil(time);
    }
  }

  void ready(Ready ready, long time, RecordPosition position) {
    TrackedSession session = find(open, ready.containerId());
    if (session == null) {
      session = find(ended, ready.containerId());
    }
    if (session == null) {
      session =
          new TrackedSession(
              ready.containerId(), ready.container().host(), ready.workerId(), context.rules());
      open.add(session);
    }
    excuse(session, time);
    boolean begins = session.start() == null;
    TrackedSession.Announced announced = session.readied(ready, time, position);
    if (begins) {
      open.forEach(other -> other.succeeded(announced));
    }
    TrackedSession.End end = session.end();
    if (end != null) {
      judgeReadyAfterEnd(session, end, ready, time, position);
      if (begins) {
        over(session, end);
      }
    }
    judgeOverlaps(session);
  }

  void reaped(Reaped reaped, long time, RecordPosition position) {
    TrackedSession again = find(ended, reaped.containerId());
    if (again != null) {
      judgeEndedAgain(again, reaped, time, position);
      return;
    }
    TrackedSession session = find(open, reaped.containerId());
    if (session == null) {
      session =
          new TrackedSession(
              reaped.containerId(), reaped.container().host(), reaped.workerId(), context.rules());
    } else {
      open.remove(session);
    }
    TrackedSession.End end = session.ended(reaped, time, position);
    ended.addLast(session);
    if (ended.size() > ENDED_KEPT) {
      forget(ended.removeFirst());
    }
    if (session.start() != null) {
      new IdleChecks(context, user, userPartition, mayBeRunning).judge(session, end);
      over(session, end);
      judgeOverlaps(session);
    }
  }

  private void over(TrackedSession session, TrackedSession.End end) {
    context.counters().sessions++;
    context.counters().reaped(end.reason());
    context.report(session.asSession(user));
  }

  private void judgeReadyAfterEnd(
      TrackedSession session,
      TrackedSession.End end,
      Ready ready,
      long time,
      RecordPosition position) {
    long late = time - end.time();
    if (late > context.rules().tolerance(ready.workerId(), end.workerId())
        && !session.readyAgainReported) {
      session.readyAgainReported = true;
      context.violation(
          Check.I4,
          user,
          FoldContext.NO_END, // how long it ran after that is not known
          "container "
              + session.containerId()
              + " was announced ready "
              + FoldContext.seconds(late)
              + " after it was announced reaped",
          end.position(),
          position);
    }
  }

  private void judgeEndedAgain(
      TrackedSession session, Reaped reaped, long time, RecordPosition position) {
    TrackedSession.End end = session.end();
    if (end != null && !end.eventId().equals(reaped.eventId()) && !session.endedTwiceReported) {
      session.endedTwiceReported = true;
      context.violation(
          Check.I4,
          user,
          Math.max(end.time(), time),
          "container " + session.containerId() + " was announced reaped under two event ids",
          end.position(),
          position);
    }
  }

  private void judgeOverlaps(TrackedSession session) {
    Consumer<TrackedSession> judge = other -> OverlapCheck.judge(session, other, context, user);
    open.forEach(judge);
    ended.forEach(judge);
  }

  private void forget(TrackedSession session) {
    if (session.start() == null) {
      context.counters().reapsWithoutReady++;
      context.report(session.asSession(user));
    }
  }

  void forget() {
    ended.forEach(this::forget);
  }

  /**
   * Judges the sessions that are open at the end of the log.
   *
   * @param purges the last purge that a worker announced, by its id
   */
  void finish(long end, Function<String, @Nullable Purge> purges) {
    for (TrackedSession session : open) {
      TrackedSession.Announced life = session.lastReady();
      if (life != null
          && !session.overlapReported
          && userPartition.isKnown(Topic.REAPED, life.position(), life.time())
          && !judgeUnended(session, life, end, purges)) {
        new IdleChecks(context, user, userPartition, mayBeRunning).judgeOpen(session, end);
      }
      context.counters().openSessions++;
      context.report(session.asSession(user));
    }
    forget();
  }

  private boolean judgeUnended(
      TrackedSession session,
      TrackedSession.Announced life,
      long end,
      Function<String, @Nullable Purge> purges) {
    long grace = context.rules().grace().toMillis();
    TrackedSession.Announced next = session.successor();
    if (next != null && end - next.time() > grace) {
      context.violation(
          Check.I4,
          user,
          FoldContext.NO_END, // it counts as still running
          "container "
              + session.containerId()
              + " was never announced reaped, although the user got another one later",
          life.position(),
          next.position());
      return true;
    }
    Purge purge = purges.apply(session.workerId());
    if (purge != null
        && context.rules().purgesAtStart()
        && purge.time() - life.time() > context.rules().skew().toMillis()
        && end - purge.time() > grace) {
      context.violation(
          Check.I4,
          user,
          FoldContext.NO_END,
          "container "
              + session.containerId()
              + " was never announced reaped, although its worker "
              + session.workerId()
              + " purged the containers of its previous run",
          life.position(),
          purge.position());
      return true;
    }
    return false;
  }

  private static @Nullable TrackedSession find(
      Iterable<TrackedSession> sessions, String containerId) {
    for (TrackedSession session : sessions) {
      if (session.containerId().equals(containerId)) {
        return session;
      }
    }
    return null;
  }
}
