/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.log.RecordPosition;
import io.zcbot.sandbox.worker.audit.result.AuditedEnsure;
import io.zcbot.sandbox.worker.audit.result.Check;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** A user's ensures and their answers, which may be read in either order. Checks I2. */
final class EnsureHistory {
  private static final int ANSWERS_KEPT = 64;

  private final UserId user;
  private final FoldContext context;
  private final UserPartition userPartition;
  private final Map<String, Open> open = new LinkedHashMap<>(4);
  private final LinkedHashMap<String, Known> answers = new LinkedHashMap<>(4);

  private final Predicate<String> isExec;

  /**
   * An ensure without an answer.
   *
   * @param profile that it asks for; null if it takes whichever the sandbox has
   */
  private record Open(long time, long due, @Nullable String profile, RecordPosition position) {}

  /**
   * An answer, and whether its ensure was read.
   *
   * @param profile of the sandbox; null for a failed
   */
  private record Known(
      String outcome,
      @Nullable String containerId,
      @Nullable String profile,
      @Nullable Long tookMs,
      long time,
      RecordPosition position,
      boolean isMatched) {
    Known matched() {
      return new Known(outcome, containerId, profile, tookMs, time, position, true);
    }
  }

  /**
   * Starts without ensures.
   *
   * @param isExec whether an id is that of an exec, which also gets a ready if it makes a sandbox
   */
  EnsureHistory(
      UserId user, FoldContext context, UserPartition userPartition, Predicate<String> isExec) {
    this.user = user;
    this.context = context;
    this.userPartition = userPartition;
    this.isExec = isExec;
  }

  boolean isQuiet() {
    return open.isEmpty();
  }

  /** Adds an ensure that is not known to repeat an earlier one. */
  void asked(Ensure ensure, long time, RecordPosition position) {
    String id = ensure.eventId();
    Known answer = answers.get(id);
    if (open.containsKey(id) || (answer != null && answer.isMatched)) {
      return;
    }
    context.counters().ensures++;
    long expires =
        ensure.expiresAt() == null
            ? time + context.rules().expiry().toMillis()
            : ensure.expiresAt().toEpochMilli();
    Open asked =
        new Open(time, context.rules().answerDue(time, expires), ensure.profile(), position);
    if (answer == null) {
      open.put(id, asked);
    } else {
      answers.put(id, answer.matched());
      report(id, asked, answer);
    }
  }

  void answered(Ready ready, long time, RecordPosition position) {
    answered(
        ready.ensureId(),
        new Known(
            ready.outcome().wire(),
            ready.containerId(),
            ready.profile(),
            Math.min(ready.tookMs(), FoldContext.MAX_MS),
            time,
            position,
            false));
  }

  void answered(Failed failed, long time, RecordPosition position) {
    answered(
        failed.ensureId(),
        new Known(failed.reason().wire(), null, null, null, time, position, false));
  }

  private void answered(String id, Known answer) {
    if (answers.containsKey(id)) {
      context.counters().answeredAgain++;
      return;
    }
    Open asked = open.remove(id);
    answers.put(id, asked == null ? answer : answer.matched());
    if (asked != null) {
      report(id, asked, answer);
    }
    if (answers.size() > ANSWERS_KEPT) {
      Map.Entry<String, Known> eldest = answers.pollFirstEntry();
      forget(eldest.getKey(), eldest.getValue());
    }
  }

  private void report(String id, Open asked, Known answer) {
    if (answer.time < asked.time) {
      context.counters().answersBeforeEnsure++;
    }
    if (asked.profile != null && answer.profile != null && !asked.profile.equals(answer.profile)) {
      context.violation(
          Check.I2,
          user,
          "ensure "
              + id
              + " asks for the profile "
              + asked.profile
              + ", and was answered with a sandbox of another one, "
              + answer.profile,
          asked.position,
          answer.position);
    }
    long latency = Math.clamp(answer.time - asked.time, 0, FoldContext.MAX_MS);
    context.counters().answered(answer.outcome, latency, answer.tookMs);
    context.report(
        ensure(
            id,
            asked,
            new AuditedEnsure.Answer(
                answer.outcome, answer.containerId, latency, answer.tookMs, answer.position)));
  }

  private AuditedEnsure ensure(String id, Open asked, AuditedEnsure.@Nullable Answer answer) {
    return new AuditedEnsure(user, id, Instant.ofEpochMilli(asked.time), asked.position, answer);
  }

  private void forget(String id, Known answer) {
    if (!answer.isMatched && !isExec.test(id)) {
      context.counters().answersWithoutEnsure++;
    }
  }

  void forget() {
    answers.forEach(this::forget);
  }

  /** Judges the ensures that are open at the end of the log and are no dead letters. */
  void finish(long end, Predicate<RecordPosition> isDeadLetter) {
    open.forEach(
        (id, asked) -> {
          context.counters().unanswered++;
          context.report(ensure(id, asked, null));
          if (end > asked.due
              && !isDeadLetter.test(asked.position)
              && userPartition.isKnown(Topic.READY, asked.position, asked.time)
              && userPartition.isKnown(Topic.FAILED, asked.position, asked.time)) {
            context.violation(
                Check.I2,
                user,
                "ensure "
                    + id
                    + " has no answer "
                    + FoldContext.seconds(end - asked.time)
                    + " after it was recorded",
                asked.position);
          }
        });
    forget();
  }
}
