/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.hosts;

import io.zcbot.sandbox.events.Activity;
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
import io.zcbot.sandbox.events.Started;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.hosts.History.Said;
import io.zcbot.sandbox.worker.testkit.deployment.TopicAudit;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * What a history shows so far: which sandboxes run, and which ensures are open. A pure function of
 * the log. {@link TopicAudit} reports what a log must not contain.
 */
final class LogState {
  /** Reasons that are never the fault of the agent or of the load. */
  private static final Set<Failed.Reason> OUR_FAULT =
      EnumSet.of(
          Failed.Reason.INTERNAL,
          Failed.Reason.REJECTED,
          Failed.Reason.WORKSPACE,
          Failed.Reason.FIREWALL,
          Failed.Reason.IMAGE_MISSING);

  final Map<String, Ensure> unanswered = new LinkedHashMap<>();
  final Map<String, Session> sessions = new LinkedHashMap<>();
  final List<String> violations = new ArrayList<>();
  final Map<Reaped.Reason, Integer> reaps = new EnumMap<>(Reaped.Reason.class);
  final Map<Failed.Reason, Integer> failures = new EnumMap<>(Failed.Reason.class);
  int ensures;
  int answers;
  int repeatedReaps;
  int unannounced;
  int contradicted;

  /** The life of one container according to the log. */
  static final class Session {
    final UserId user;
    final String containerId;
    final List<Ready> readies = new ArrayList<>();
    final List<Reaped> ends = new ArrayList<>();

    Session(UserId user, String containerId) {
      this.user = user;
      this.containerId = containerId;
    }

    boolean isOpen() {
      return !readies.isEmpty() && ends.isEmpty();
    }

    @Override
    public String toString() {
      return containerId.substring(0, Math.min(12, containerId.length()))
          + " of "
          + user
          + readies.stream()
              .map(r -> "\n      ready " + r.readyAt() + " by " + r.workerId() + " " + r.outcome())
              .reduce("", String::concat)
          + ends.stream()
              .map(r -> "\n      reaped " + r.reapedAt() + " by " + r.workerId() + " " + r.reason())
              .reduce("", String::concat);
    }
  }

  LogState(List<Said> history) {
    Set<String> answered = new HashSet<>();
    for (Said said : history) {
      switch (said.event()) {
        case Ensure ensure -> {
          ensures++;
          unanswered.put(ensure.eventId(), ensure);
        }
        case Activity _, Exec _, Input _, Started _, Output _, Exited _, Release _, Expiring _ -> {}
        case Ready ready -> {
          answers++;
          answered.add(ready.ensureId());
          session(ready.userId(), ready.containerId()).readies.add(ready);
        }
        case Failed failed -> {
          answers++;
          answered.add(failed.ensureId());
          failures.merge(failed.reason(), 1, Integer::sum);
          if (OUR_FAULT.contains(failed.reason())) {
            violations.add("failed for a reason that should not be: " + failed);
          }
        }
        case Reaped reaped -> session(reaped.userId(), reaped.containerId()).ends.add(reaped);
      }
    }
    unanswered.keySet().removeAll(answered);
    sessions.values().forEach(this::count);
  }

  private Session session(UserId user, String containerId) {
    return sessions.computeIfAbsent(containerId, id -> new Session(user, id));
  }

  private void count(Session session) {
    if (session.ends.isEmpty()) {
      return;
    }
    reaps.merge(session.ends.getFirst().reason(), 1, Integer::sum);
    repeatedReaps += session.ends.size() - 1;
    if (session.readies.isEmpty()) {
      // Between its entry in the live table and its ready the worker ended.
      unannounced++;
    }
    if (session.ends.stream().map(Reaped::reason).distinct().count() > 1) {
      contradicted++;
    }
  }

  /** The containers that run according to the log. */
  Map<String, Session> running() {
    Map<String, Session> running = new TreeMap<>();
    sessions.values().stream().filter(Session::isOpen).forEach(s -> running.put(s.containerId, s));
    return running;
  }

  String summary() {
    return ensures
        + " ensures, "
        + answers
        + " answers, "
        + sessions.size()
        + " sandboxes, reaped "
        + reaps
        + (failures.isEmpty() ? "" : ", failed " + failures)
        + (repeatedReaps == 0 ? "" : ", " + repeatedReaps + " repeated reaps")
        + (contradicted == 0 ? "" : ", " + contradicted + " reaped for several reasons")
        + (unannounced == 0 ? "" : ", " + unannounced + " reaped and never ready");
  }
}
