/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.client.ClientMetrics.Request;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Asks for a sandbox until there is one, it is refused permanently, or the deadline is over. A
 * repeated ensure has the same id, so that workers answer it with the existing sandbox.
 */
final class EnsureCall {
  private static final List<Topic> ANSWERS = List.of(Topic.READY, Topic.FAILED);

  private final Connection connection;
  private final UserId user;
  private final EnsureOptions options;
  private final Deadline deadline;
  private final Instant expiresAt;
  private final String id = UUID.randomUUID().toString();
  private final Mailbox<SandboxEvent> answers = new Mailbox<>();

  EnsureCall(Connection connection, UserId user, EnsureOptions options) {
    this.connection = connection;
    this.user = user;
    this.options = options;
    this.deadline = Deadline.in(options.deadline());
    this.expiresAt = Connection.now().plus(options.deadline());
  }

  @SuppressWarnings("try") // resources that are only closed
  Ready answer() throws InterruptedException {
    try (Resources turn = connection.limits().enter(Request.ENSURE, user, 0, deadline);
        AnswerReader.Following following = connection.reader().follow(user, ANSWERS, deadline);
        Answers.Registration waiting = connection.answers().expect(user, id, answers)) {
      Backoff backoff = new Backoff(ThreadLocalRandom.current());
      Failed failed = null;
      while (true) {
        publish(backoff);
        SandboxEvent answer = answers.take(deadline);
        if (answer instanceof Failed refusal) {
          failed = refusal;
          answer = isRepeated(refusal) ? answers.take(deadline.atMost(backoff.next())) : null;
        }
        if (answer instanceof Ready ready) {
          return ready;
        }
        if (failed != null && (!isRepeated(failed) || deadline.isOver())) {
          throw new SandboxFailedException(failed);
        }
        if (deadline.isOver()) {
          throw unanswered();
        }
        connection.repeated(Request.ENSURE, user, failed == null ? "no answer" : why(failed));
      }
    }
  }

  private boolean isRepeated(Failed refusal) {
    return refusal.retryable() && connection.options().isRepeating();
  }

  private static String why(Failed failed) {
    return failed.reason().wire() + ": " + failed.message();
  }

  /** Publishes the ensure, again if the producer gives it up while brokers are not reached. */
  private void publish(Backoff backoff) throws InterruptedException {
    while (true) {
      try {
        publish();
        return;
      } catch (NoAnswerException e) {
        Duration pause = backoff.next();
        if (pause.toNanos() >= deadline.nanosLeft()) {
          throw e;
        }
        connection.repeated(Request.ENSURE, user, String.valueOf(e.getMessage()));
        connection.pause(pause);
      }
    }
  }

  private void publish() throws InterruptedException {
    Ensure ensure =
        new Ensure(
            id,
            user,
            Connection.now(),
            connection.options().requestedBy(),
            expiresAt,
            options.idleTtl(),
            options.labels(),
            options.endsAt(),
            options.profile(),
            options.replace(),
            options.network());
    // its answer may come before its acknowledgement
    boolean unused = connection.publisher().publish(ensure, deadline, () -> !answers.isEmpty());
  }

  private NoAnswerException unanswered() {
    return connection.unanswered(
        "no answer to ensure "
            + id
            + " of "
            + user
            + " within "
            + options.deadline()
            + "; check that a worker runs ('sandbox ps --all-hosts', 'sandbox doctor')",
        ANSWERS);
  }
}
