/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.log.Coverage;
import io.zcbot.sandbox.worker.audit.result.Check;
import io.zcbot.sandbox.worker.audit.result.Violation;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A log about one user, and the audit's findings about it. Times are seconds from the log's start.
 */
abstract class OneUsersLog {
  static final UserId USER = UserId.parse("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
  static final long T0 = Histories.START;
  static final int TTL = 300;

  /** TTL, two intervals, grace, skew. */
  static final int LONGEST_IDLE = TTL + 20 + 10 + 2;

  static final Rules ADOPTING =
      new Rules(
          Rules.DEFAULT.ttl(),
          Rules.DEFAULT.interval(),
          Rules.DEFAULT.expiry(),
          Rules.DEFAULT.maxTimeout(),
          Rules.DEFAULT.grace(),
          Rules.DEFAULT.skew(),
          Rules.DEFAULT.window(),
          false,
          false,
          List.of());

  final TestLog log = new TestLog();

  static Instant at(double seconds) {
    return Instant.ofEpochMilli(ms(seconds));
  }

  static long ms(double seconds) {
    return T0 + Math.round(seconds * 1000);
  }

  TestLog.Entry ensure(double t, String id) {
    return log.add(0, ms(t), new Ensure(id, USER, at(t), null, null));
  }

  TestLog.Entry ready(double t, String ensureId, String container, String worker) {
    return ready(t, EventIds.ready(USER, ensureId, container), ensureId, container, worker);
  }

  TestLog.Entry ready(double t, String id, String ensureId, String container, String worker) {
    return ready(t, id, ensureId, container, worker, null);
  }

  TestLog.Entry ready(
      double t, String ensureId, String container, String worker, Duration idleTtl) {
    return ready(
        t, EventIds.ready(USER, ensureId, container), ensureId, container, worker, idleTtl);
  }

  /** A sandbox that ends at a time. */
  TestLog.Entry ready(
      double t, String ensureId, String container, String worker, @Nullable Instant endsAt) {
    String id = EventIds.ready(USER, ensureId, container);
    return ready(t, id, ensureId, container, worker, null, endsAt);
  }

  private TestLog.Entry ready(
      double t, String id, String ensureId, String container, String worker, Duration idleTtl) {
    return ready(t, id, ensureId, container, worker, idleTtl, null);
  }

  private TestLog.Entry ready(
      double t,
      String id,
      String ensureId,
      String container,
      String worker,
      @Nullable Duration idleTtl,
      @Nullable Instant endsAt) {
    return log.add(
        0,
        ms(t),
        new Ready(
            id,
            USER,
            ensureId,
            at(t),
            new ContainerRef("zcbot-sandbox-" + USER, container, "host-" + worker, worker),
            Ready.Outcome.CREATED,
            new Ready.Environment("unix:///x", "image", "default", "/w", idleTtl),
            7,
            Map.of(),
            endsAt));
  }

  TestLog.Entry failed(double t, String ensureId) {
    return log.add(
        0,
        ms(t),
        new Failed(
            EventIds.failed(USER, ensureId),
            USER,
            ensureId,
            at(t),
            Failed.Reason.CAPACITY,
            "no",
            true));
  }

  TestLog.Entry activity(double t, String id) {
    return log.add(0, ms(t), new Activity(id, USER, at(t), null));
  }

  TestLog.Entry reaped(double t, String container, String worker, Reaped.Reason reason) {
    return reaped(t, t, container, worker, reason, null);
  }

  TestLog.Entry reaped(
      double recorded,
      double said,
      String container,
      String worker,
      Reaped.Reason reason,
      Double lastActive) {
    return log.add(
        0,
        ms(recorded),
        new Reaped(
            EventIds.reaped(USER, container),
            USER,
            at(said),
            new ContainerRef("zcbot-sandbox-" + USER, container, "host-" + worker, worker),
            reason,
            lastActive == null ? null : at(lastActive),
            null,
            null));
  }

  TestLog.Reported audit(double end) {
    return log.audit(Rules.DEFAULT, ms(end));
  }

  List<Check> checks(double end) {
    return checks(audit(end));
  }

  /** The checks that fail if retention deleted what the topic had before a time. */
  List<Check> checksSince(Topic cut, double since, double end) {
    return checks(auditSince(cut, 0, since, end));
  }

  TestLog.Reported auditSince(Topic cut, int partition, double since, double end) {
    Coverage known = Coverage.ever();
    known.cut(cut, partition, ms(since));
    return TestLog.audit(Rules.DEFAULT, known, log.records(), ms(end));
  }

  static List<Check> checks(TestLog.Reported reported) {
    return reported.violations().stream().map(Violation::check).toList();
  }
}
