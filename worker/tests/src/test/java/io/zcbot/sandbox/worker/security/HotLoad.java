/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.deployment.AgentService;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;

/**
 * Publishes ensures of users whose sandboxes run, at a fixed rate, whether or not earlier ones are
 * answered, and measures how long after its time each was answered.
 */
final class HotLoad {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final Deployment deployment;
  private final List<UserId> users;
  private final long interval;
  private final Map<String, Long> open = new ConcurrentHashMap<>();
  private final Map<String, Answer> answered = new ConcurrentHashMap<>();
  private int sent;

  /**
   * How long an answer took.
   *
   * @param millis since the ensure was due
   * @param inWorker of these
   */
  record Answer(double millis, long inWorker) {}

  HotLoad(Deployment deployment, List<UserId> users, int perSecond) {
    this.deployment = deployment;
    this.users = users;
    this.interval = Duration.ofSeconds(1).toNanos() / perSecond;
    deployment.log().listen(this::heard);
  }

  private void heard(SandboxEvent event) {
    if (event instanceof Ready ready) {
      Long due = open.remove(ready.ensureId());
      if (due != null) {
        answered.put(ready.ensureId(), new Answer((System.nanoTime() - due) / 1e6, ready.tookMs()));
      }
    }
  }

  /** The answers to the ensures of the given time. */
  List<Answer> run(Duration time) throws InterruptedException {
    List<String> ids = new ArrayList<>();
    long start = System.nanoTime();
    for (long due = start; due - start < time.toNanos(); due += interval) {
      for (long left; (left = due - System.nanoTime()) > 0; ) {
        LockSupport.parkNanos(left);
      }
      UserId user = users.get(sent % users.size());
      String id = "hot-" + sent++;
      ids.add(id);
      open.put(id, due);
      AgentService agent = deployment.agent();
      agent.sendLater(
          agent.record(
              Topic.ENSURE, null, user, AgentService.json(user, "'event_id':'" + id + "'")));
    }
    deployment.log().await("answers of a hot load", PATIENCE, open::isEmpty);
    List<Answer> answers = ids.stream().map(answered::get).toList();
    assertThat(answers).doesNotContainNull();
    return answers;
  }
}
