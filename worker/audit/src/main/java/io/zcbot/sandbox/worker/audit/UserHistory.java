/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Expiring;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Release;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Started;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.log.LogRecord;
import io.zcbot.sandbox.worker.audit.log.RecordPosition;
import io.zcbot.sandbox.worker.audit.result.Check;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * What the log says about one user, as far as it still matters: open sessions, ensures and
 * commands, and the latest closed ones, to recognise repetitions.
 */
final class UserHistory {
  static final int IDS_KEPT = 128;
  static final int ACTIVITY_IDS_KEPT = 32;

  private final UserId user;
  private final FoldContext context;
  private final UserPartition userPartition;
  private final EnsureHistory ensures;
  private final SessionHistory sessions;
  private final CommandHistory commands;
  private final RecentIds ids = new RecentIds(IDS_KEPT);
  private long @Nullable [] activityIds;
  private int activitiesSeen;

  /** The latest time of this user's records. */
  long lastSeen = Long.MIN_VALUE;

  UserHistory(UserId user, FoldContext context) {
    this.user = user;
    this.context = context;
    this.userPartition = new UserPartition(context);
    this.commands = new CommandHistory(user, context, userPartition);
    this.ensures = new EnsureHistory(user, context, userPartition, commands::knows);
    this.sessions = new SessionHistory(user, context, userPartition, commands::mayRunAt);
  }

  UserId user() {
    return user;
  }

  /**
   * Whether nothing is open, so that forgetting the user only means not to recognise repetitions.
   */
  boolean isQuiet() {
    return ensures.isQuiet() && sessions.isQuiet() && commands.isQuiet();
  }

  void on(SandboxEvent event, LogRecord record) {
    long time = record.time();
    RecordPosition position = record.position();
    userPartition.read(record);
    lastSeen = Math.max(lastSeen, time);
    switch (event) {
      case Ensure ensure -> {
        if (!isRepeated(ensure, position, "", "")) {
          ensures.asked(ensure, time, position);
        }
      }
      case Activity activity -> sessions.used(time, position, isActivityRepeated(activity));
      case Ready ready -> {
        if (!isRepeated(ready, position, ready.ensureId(), ready.containerId())) {
          ensures.answered(ready, time, position);
        }
        sessions.ready(ready, time, position);
      }
      case Reaped reaped -> {
        isRepeated(reaped, position, "", reaped.containerId());
        sessions.reaped(reaped, time, position);
      }
      case Exec exec -> {
        if (!isRepeated(exec, position, "", "")) {
          commands.asked(exec, time, position);
        }
      }
      case Started started -> {
        isRepeated(started, position, started.execId(), "");
        commands.started(started, time, position);
      }
      case Output output -> commands.wrote(output, time, position);
      case Exited exited -> {
        isRepeated(exited, position, exited.execId(), "");
        ContainerRef container = exited.container();
        String profile = container == null ? null : sessions.profile(container.id());
        commands.answered(exited, profile, time, position);
        sessions.ran(exited, position);
      }
      case Input _, Release _, Expiring _ -> {}
      case Failed failed -> {
        if (!isRepeated(failed, position, failed.ensureId(), "")) {
          ensures.answered(failed, time, position);
        }
      }
    }
  }

  /** Reports what is still due before the quiet user is forgotten. */
  void forget() {
    ensures.forget();
    sessions.forget();
    commands.forget();
  }

  /** Judges everything that is open at the end of the log. */
  void finish(
      long end, Function<String, @Nullable Purge> purges, Predicate<RecordPosition> isDeadLetter) {
    ensures.finish(end, isDeadLetter);
    sessions.finish(end, purges);
    commands.finish(end, isDeadLetter);
  }

  /** Whether the event was read before; reports an id that was used for another event. */
  private boolean isRepeated(
      SandboxEvent event, RecordPosition position, String ensureId, String containerId) {
    RecentIds.Claim claim = new RecentIds.Claim(ensureId, containerId, position);
    RecentIds.Earlier before = ids.claim(event.eventId(), claim);
    if (before == null) {
      return false;
    }
    if (before.isSame()) {
      context.counters().duplicate(position.topic());
      return true;
    }
    context.violation(
        Check.IDS,
        user,
        lastSeen,
        "event id " + event.eventId() + " stands for two different events",
        before.position(),
        position);
    return false;
  }

  private boolean isActivityRepeated(Activity activity) {
    long hash = hash(activity.eventId());
    long[] seen = activityIds;
    if (seen == null) {
      seen = new long[ACTIVITY_IDS_KEPT];
      activityIds = seen;
    }
    for (int i = 0; i < Math.min(activitiesSeen, ACTIVITY_IDS_KEPT); i++) {
      if (seen[i] == hash) {
        context.counters().duplicate(Topic.ACTIVITY);
        return true;
      }
    }
    seen[activitiesSeen % ACTIVITY_IDS_KEPT] = hash;
    activitiesSeen++;
    return false;
  }

  /** FNV-1a, because ids of one origin differ in few characters. */
  private static long hash(String id) {
    long hash = 0xcbf29ce484222325L;
    for (int i = 0; i < id.length(); i++) {
      hash = (hash ^ id.charAt(i)) * 0x100000001b3L;
    }
    return hash;
  }
}
