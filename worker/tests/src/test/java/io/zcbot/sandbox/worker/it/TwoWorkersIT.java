/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.Worker;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What a worker leaves behind, what it finds at its start, and which worker owns it. */
@Tag("engine")
@Tag("kafka")
@Order(14)
class TwoWorkersIT {
  private Deployment deployment;

  @BeforeEach
  void deploy() throws Exception {
    deployment = new Deployment().withNetwork();
  }

  @AfterEach
  void leaveNothing() throws Exception {
    deployment.close();
  }

  @Test
  void aStartPurgesWhatItsEarlierLifeLeftAndNothingElseBeforeItServes() throws Exception {
    // A previous run that ended with sandboxes running, as one that was killed does.
    Worker earlier = deployment.with("ZCBOT_RESTART", "adopt").start("a");
    Map<UserId, String> own = new HashMap<>();
    for (int i = 0; i < 4; i++) {
      UserId user = Deployment.newUser();
      own.put(user, deployment.agent().ensured(user).containerId());
    }
    UserId ended = Deployment.newUser();
    own.put(ended, deployment.agent().ensured(ended).containerId());
    UserId renamed = Deployment.newUser();
    own.put(renamed, deployment.agent().ensured(renamed).containerId());
    deployment.stop(earlier);
    deployment.host().docker().killContainerCmd(own.get(ended)).exec();
    deployment
        .host()
        .docker()
        .renameContainerCmd(own.get(renamed))
        .withName(deployment.id())
        .exec();
    assertThat(own.values()).allMatch(deployment.host()::exists);
    // It was also about to start two that it had told nobody of.
    Map<UserId, String> unannounced = new HashMap<>();
    UserId unproven = Deployment.newUser();
    unannounced.put(
        unproven,
        deployment
            .host()
            .runByHand("zcbot-sandbox-" + unproven, labels(unproven, deployment.workerId("a"))));
    UserId unstarted = Deployment.newUser();
    unannounced.put(
        unstarted,
        deployment
            .host()
            .createByHand(
                "zcbot-sandbox-" + unstarted, labels(unstarted, deployment.workerId("a"))));

    UserId others = Deployment.newUser();
    UserId originals = Deployment.newUser();
    List<String> foreign =
        List.of(
            deployment
                .host()
                .runByHand("zcbot-sandbox-" + others, labels(others, deployment.workerId("other"))),
            deployment
                .host()
                .runByHand(
                    "zcbot-sandbox-" + originals,
                    Map.of("zcbot.product", "sandbox", "zcbot.user_id", originals.toString())),
            deployment
                .host()
                .runByHand(
                    deployment.id() + "-x",
                    Map.of(
                        "zcbot.product",
                        "something-else",
                        "zcbot.worker",
                        deployment.workerId("a"))));

    // A backlog, one of it of a purged user.
    UserId first = own.keySet().iterator().next();
    UserId waiting = Deployment.newUser();
    deployment.agent().ensure(first);
    deployment.agent().ensure(waiting);
    deployment.with("ZCBOT_RESTART", "purge").start("a");

    Ready served = deployment.log().awaitReady(first, 2);
    assertThat(served.outcome()).isEqualTo(Ready.Outcome.CREATED);
    assertThat(served.containerId()).isNotEqualTo(own.get(first));
    deployment.log().awaitReady(waiting, 1);
    own.forEach(
        (user, container) -> {
          deployment.log().awaitReaped(user, Deployment.SOON);
          Reaped reaped = deployment.log().reaped(user).getFirst();
          assertThat(reaped.reason()).isEqualTo(Reaped.Reason.PURGED);
          assertThat(reaped.containerId()).isEqualTo(container);
          assertThat(reaped.workerId()).isEqualTo(deployment.workerId("a"));
          assertThat(reaped.reapedAt()).isBefore(served.readyAt());
          assertThat(deployment.host().exists(container)).isFalse();
          assertThat(deployment.log().reaped(user)).hasSize(1);
        });
    unannounced.forEach(
        (user, container) -> {
          assertThat(deployment.host().exists(container)).isFalse();
          assertThat(deployment.log().reaped(user)).isEmpty();
        });
    assertThat(foreign).allSatisfy(c -> assertThat(deployment.host().isRunning(c)).isTrue());
    assertThat(deployment.log().reaped(others)).isEmpty();
    assertThat(deployment.log().reaped(originals)).isEmpty();
  }

  @Test
  void workersOfTwoFleetsOnOneEngineLeaveEachOthersAlone() throws Exception {
    try (Deployment second =
        new Deployment()
            .withNetwork()
            .with("ZCBOT_SANDBOX_IDLE_TTL", "2s")
            .with("ZCBOT_SANDBOX_IDLE_TTL_MAX", "1h")) {
      deployment.start("a");
      UserId user = Deployment.newUser();
      Ready firsts = deployment.agent().ensured(user);

      // No cross purge; and the other's reaper and reconciliation have run when its own is gone.
      second.start("a");
      UserId other = Deployment.newUser();
      second.agent().ensured(other);
      assertThat(second.log().awaitReaped(other, Deployment.SOON).reason())
          .isEqualTo(Reaped.Reason.IDLE);
      assertThat(deployment.host().isRunning(firsts.containerId())).isTrue();
      assertThat(deployment.log().reaped(user)).isEmpty();
      assertThat(second.log().reaped(user)).isEmpty();

      // Both serve the user and would replace each other's sandbox for ever.
      second.agent().ensure(user);
      Failed failed = second.log().awaitFailed(user);
      assertThat(failed.reason()).isEqualTo(Failed.Reason.REJECTED);
      assertThat(failed.message()).contains(firsts.workerId(), "of another fleet");
      assertThat(deployment.host().containersOf(user)).hasSize(1);
      assertThat(deployment.host().isRunning(firsts.containerId())).isTrue();
      assertThat(deployment.log().reaped(user)).isEmpty();
    }
  }

  @Test
  void workersOfOneGroupShareTheUsersAndAStopHandsThemOver() throws Exception {
    deployment.start("a");
    List<UserId> users = new ArrayList<>();
    for (int p = 0; p < deployment.partitions(); p++) {
      users.add(deployment.newUserOf(p));
      users.add(deployment.newUserOf(p));
    }
    ensureAll(users, "at-first");
    users.forEach(
        user -> assertThat(ready("at-first", user).workerId()).isEqualTo(deployment.workerId("a")));

    Worker b = deployment.start("b");
    Set<Integer> moved = deployment.group().assignment().get(deployment.workerId("b"));
    assertThat(moved).hasSize(2);
    for (UserId user : users) {
      String container = ready("at-first", user).containerId();
      if (moved.contains(deployment.partitionOf(user))) {
        assertThat(deployment.log().awaitReaped(user, Deployment.SOON).reason())
            .isEqualTo(Reaped.Reason.MOVED);
        await().atMost(Deployment.SOON).until(() -> !deployment.host().exists(container));
      } else {
        assertThat(deployment.host().isRunning(container)).isTrue();
      }
    }
    ensureAll(users, "shared");
    for (UserId user : users) {
      boolean hasMoved = moved.contains(deployment.partitionOf(user));
      Ready ready = ready("shared", user);
      assertThat(ready.workerId()).isEqualTo(deployment.workerId(hasMoved ? "b" : "a"));
      assertThat(ready.outcome())
          .isEqualTo(hasMoved ? Ready.Outcome.CREATED : Ready.Outcome.REUSED);
    }

    // Ensures go on being published while one of the two stops.
    Thread stop = Thread.ofPlatform().start(() -> deployment.stop(b));
    for (UserId user : users) {
      deployment.agent().ensure(user, "stopping-" + user);
    }
    stop.join(Deployment.SOON);
    assertThat(stop.isAlive()).isFalse();
    users.forEach(user -> ready("stopping", user));
    ensureAll(users, "after");
    for (UserId user : users) {
      assertThat(ready("after", user).workerId()).isEqualTo(deployment.workerId("a"));
      if (moved.contains(deployment.partitionOf(user))) {
        assertThat(deployment.log().reaped(user))
            .filteredOn(r -> r.containerId().equals(ready("shared", user).containerId()))
            .extracting(Reaped::workerId, Reaped::reason)
            .containsExactly(tuple(deployment.workerId("b"), Reaped.Reason.SHUTDOWN));
      }
    }
    // What was announced and not reaped is what runs: one for each user, none reaped twice.
    Set<String> running =
        users.stream()
            .flatMap(user -> deployment.log().readies(user).stream())
            .map(Ready::containerId)
            .collect(Collectors.toSet());
    List<String> gone =
        users.stream()
            .flatMap(user -> deployment.log().reaped(user).stream())
            .map(Reaped::containerId)
            .toList();
    assertThat(gone).doesNotHaveDuplicates().isSubsetOf(running);
    running.removeAll(gone);
    assertThat(deployment.host().containers())
        .extracting(c -> c.getId())
        .containsExactlyInAnyOrderElementsOf(running)
        .hasSize(users.size());
    await().atMost(Deployment.SOON).until(deployment.group()::isAllCommitted);
  }

  private void ensureAll(List<UserId> users, String id) throws Exception {
    for (UserId user : users) {
      deployment.agent().ensure(user, id + "-" + user);
    }
    users.forEach(user -> ready(id, user));
  }

  private Ready ready(String id, UserId user) {
    SandboxEvent answer = deployment.log().awaitAnswer(id + "-" + user, Deployment.SOON);
    assertThat(answer).isInstanceOf(Ready.class);
    return (Ready) answer;
  }

  private static Map<String, String> labels(UserId user, String workerId) {
    return Map.of(
        "zcbot.product", "sandbox", "zcbot.user_id", user.toString(), "zcbot.worker", workerId);
  }
}
