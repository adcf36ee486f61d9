/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.github.dockerjava.api.command.InspectContainerResponse;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.machine.Execs;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** How sandboxes end other than by idleness, and what takes their place. */
@Tag("engine")
@Tag("kafka")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Order(22)
class LifecycleIT {
  private static final Duration SECONDS = Deployment.SOON;
  private static final long MEMORY = 96L << 20;

  private Deployment deployment;

  @BeforeAll
  void deploy() throws Exception {
    deployment =
        new Deployment().with("ZCBOT_SANDBOX_MEMORY", "96m").with("ZCBOT_SANDBOX_TMP_SIZE", "80m");
    deployment.start("a");
  }

  @AfterAll
  void leaveNothing() throws Exception {
    deployment.close();
  }

  @Test
  void aPausedSandboxIsReplaced() throws Exception {
    UserId user = Deployment.newUser();
    Ready ready = deployment.agent().ensured(user);
    deployment.host().docker().pauseContainerCmd(ready.containerId()).exec();
    assertDead(ready);
  }

  @Test
  void aRenamedSandboxDoesNotRunOnBesideTheNext() throws Exception {
    UserId user = Deployment.newUser();
    Ready ready = deployment.agent().ensured(user);
    deployment
        .host()
        .docker()
        .renameContainerCmd(ready.containerId())
        .withName("gone-" + user)
        .exec();
    assertDead(ready);
  }

  @Test
  void aSandboxStoppedByHandIsAnnounced() throws Exception {
    UserId user = Deployment.newUser();
    Ready ready = deployment.agent().ensured(user);
    deployment.host().docker().stopContainerCmd(ready.containerId()).withTimeout(1).exec();
    assertThat(assertDead(ready).exitCode()).isIn(0, 137, 143);
  }

  /** Its network is another one then, without the firewall that was proved. */
  @Test
  void aSandboxStartedAgainByHandIsAnnouncedAndGoes() throws Exception {
    UserId user = Deployment.newUser();
    Ready before = deployment.agent().ensured(user);
    deployment.host().docker().restartContainerCmd(before.containerId()).withTimeout(1).exec();
    assertDead(before);
  }

  @Test
  void aKilledFirstProcessIsAnnouncedWithItsExitCode() throws Exception {
    UserId user = Deployment.newUser();
    Ready ready = deployment.agent().ensured(user);
    Long pid = deployment.host().inspect(ready.containerId()).getState().getPidLong();
    ProcessHandle.of(pid).orElseThrow().destroyForcibly();
    Reaped reaped = assertDead(ready);
    assertThat(reaped.exitCode()).isEqualTo(137);
    assertThat(reaped.oomKilled()).isFalse();
  }

  @Test
  void aCommandThatRunsOutOfMemoryDoesNotEndTheSandbox() throws Exception {
    UserId user = Deployment.newUser();
    Ready ready = deployment.agent().ensured(user);
    Execs.Outcome ran =
        deployment.host().exec(ready.containerId(), "python3", "-c", "bytearray(200 << 20)");
    assertThat(ran.exitCode()).isEqualTo(137);
    // Two reconciliations long.
    await()
        .during(Duration.ofSeconds(4))
        .atMost(Deployment.SOON)
        .until(() -> deployment.log().reaped(user).isEmpty());
    Ready next = deployment.agent().ensured(user);
    assertThat(next.outcome()).isEqualTo(Ready.Outcome.REUSED);
    assertThat(next.containerId()).isEqualTo(ready.containerId());
    assertThat(deployment.host().exec(next.containerId(), "echo", "alive").output())
        .isEqualTo("alive");
  }

  @Test
  void aFirstProcessKilledForWantOfMemoryIsAnnouncedAsThat() throws Exception {
    UserId user = Deployment.newUser();
    Ready ready = deployment.agent().ensured(user);
    // The kernel kills what is worth most to it: that is to be the first process, not a hog. What
    // lies in /tmp is nobody's own.
    Long first = deployment.host().inspect(ready.containerId()).getState().getPidLong();
    Files.writeString(Path.of("/proc/" + first + "/oom_score_adj"), "1000");
    deployment
        .host()
        .execDetached(
            ready.containerId(),
            "sh",
            "-c",
            "head -c 78M /dev/zero >/tmp/x; python3 -c 'bytearray(60 << 20)'");
    Reaped reaped = assertDead(ready);
    assertThat(reaped.exitCode()).isEqualTo(137);
    assertThat(reaped.oomKilled()).isTrue();
  }

  @Test
  void whateverStandsUnderTheUsersNameIsReplacedNeverAdopted() throws Exception {
    UserId model = Deployment.newUser();
    Ready good = deployment.agent().ensured(model);
    String spec =
        deployment.host().inspect(good.containerId()).getConfig().getLabels().get("zcbot.spec");

    // The original's, another worker's, another user's, and one with no labels at all.
    UserId originals = Deployment.newUser();
    UserId others = Deployment.newUser();
    UserId mislabelled = Deployment.newUser();
    UserId unlabelled = Deployment.newUser();
    Map<UserId, String> announced = new HashMap<>();
    announced.put(
        originals,
        run(originals, Map.of("zcbot.product", "sandbox", "zcbot.user_id", originals.toString())));
    announced.put(others, run(others, labels(others, deployment.workerId("other"), spec)));
    announced.put(mislabelled, run(mislabelled, labels(model, deployment.workerId("other"), spec)));
    announced.put(unlabelled, run(unlabelled, Map.of()));
    for (Map.Entry<UserId, String> each : announced.entrySet()) {
      UserId user = each.getKey();
      Ready ready = deployment.agent().ensured(user);
      assertThat(ready.outcome()).isEqualTo(Ready.Outcome.RECREATED);
      assertMadeByTheBook(ready, each.getValue());
      Reaped reaped = deployment.log().awaitReaped(user, SECONDS);
      assertThat(reaped.reason()).isEqualTo(Reaped.Reason.REPLACED);
      assertThat(reaped.containerId()).isEqualTo(each.getValue());
    }

    // With this worker's own labels, weaker or even with the right spec's: it never announced them.
    UserId weaker = Deployment.newUser();
    UserId forged = Deployment.newUser();
    UserId unstarted = Deployment.newUser();
    Map<UserId, String> unannounced = new HashMap<>();
    unannounced.put(weaker, run(weaker, labels(weaker, deployment.workerId("a"), "weak")));
    unannounced.put(forged, run(forged, labels(forged, deployment.workerId("a"), spec)));
    unannounced.put(
        unstarted,
        deployment
            .host()
            .createByHand(
                "zcbot-sandbox-" + unstarted, labels(unstarted, deployment.workerId("a"), spec)));
    for (Map.Entry<UserId, String> each : unannounced.entrySet()) {
      Ready ready = deployment.agent().ensured(each.getKey());
      assertMadeByTheBook(ready, each.getValue());
      assertThat(deployment.log().reaped(each.getKey())).isEmpty();
    }
  }

  private void assertMadeByTheBook(Ready ready, String before) {
    assertThat(ready.containerId()).isNotEqualTo(before);
    assertThat(deployment.host().exists(before)).isFalse();
    assertThat(deployment.host().containersOf(ready.userId())).hasSize(1);
    InspectContainerResponse container = deployment.host().inspect(ready.container().name());
    assertThat(container.getId()).isEqualTo(ready.containerId());
    assertThat(container.getHostConfig().getMemory()).isEqualTo(MEMORY);
    assertThat(container.getHostConfig().getReadonlyRootfs()).isTrue();
    assertThat(container.getConfig().getLabels())
        .containsEntry("zcbot.worker", deployment.workerId("a"))
        .containsEntry("zcbot.user_id", ready.userId().toString());
  }

  private String run(UserId user, Map<String, String> labels) {
    return deployment.host().runByHand("zcbot-sandbox-" + user, labels);
  }

  private static Map<String, String> labels(UserId user, String workerId, String spec) {
    return Map.of(
        "zcbot.product",
        "sandbox",
        "zcbot.user_id",
        user.toString(),
        "zcbot.worker",
        workerId,
        "zcbot.spec",
        spec);
  }

  @Test
  void aSandboxOfFullAgeIsReapedThoughItIsInUse() throws Exception {
    try (Deployment brief = new Deployment().with("ZCBOT_SANDBOX_MAX_LIFETIME", "10s")) {
      brief.start("a");
      UserId user = Deployment.newUser();
      Ready ready = brief.agent().ensured(user);
      brief.host().execDetached(ready.containerId(), "sleep", "60");
      brief.agent().activity(user);
      Reaped reaped = brief.log().awaitReaped(user, SECONDS);
      assertThat(reaped.reason()).isEqualTo(Reaped.Reason.LIFETIME);
      // The age counts from the start, a moment before.
      assertThat(Duration.between(ready.readyAt(), reaped.reapedAt()))
          .isGreaterThan(Duration.ofSeconds(8));
      await().atMost(SECONDS).until(() -> !brief.host().exists(ready.containerId()));
      assertThat(brief.agent().ensured(user).outcome()).isEqualTo(Ready.Outcome.CREATED);
    }
  }

  @Test
  void aFullHostEvictsTheLongestIdleAndRefusesWhenAllAreInUse() throws Exception {
    try (Deployment small =
        new Deployment().with("ZCBOT_SANDBOX_MAX", "2").with("ZCBOT_SANDBOX_EVICT_AFTER", "1s")) {
      small.start("a");
      UserId first = Deployment.newUser();
      UserId second = Deployment.newUser();
      Ready firsts = small.agent().ensured(first);
      Ready seconds = small.agent().ensured(second);
      // The first is older, but the second has been idle for longer. An answer can be read before
      // its own worker counts it as a use.
      TimeUnit.SECONDS.sleep(3);
      small.agent().activity(first);
      TimeUnit.SECONDS.sleep(4);
      UserId third = Deployment.newUser();
      Ready thirds = small.agent().ensured(third);
      Reaped evicted = small.log().awaitReaped(second, SECONDS);
      assertThat(evicted.reason()).isEqualTo(Reaped.Reason.EVICTED);
      assertThat(evicted.containerId()).isEqualTo(seconds.containerId());
      assertThat(small.host().isRunning(firsts.containerId())).isTrue();
      await("the removal").atMost(SECONDS).until(() -> small.host().containers().size() == 2);

      // Commands run in both: nobody is evicted, however long ago the last activity was.
      small.host().execDetached(firsts.containerId(), "sleep", "60");
      small.host().execDetached(thirds.containerId(), "sleep", "60");
      TimeUnit.MILLISECONDS.sleep(2500);
      UserId fourth = Deployment.newUser();
      small.agent().ensure(fourth, "one too many");
      Failed failed = small.log().awaitFailed(fourth);
      assertThat(failed.reason()).isEqualTo(Failed.Reason.CAPACITY);
      assertThat(failed.ensureId()).isEqualTo("one too many");
      assertThat(failed.retryable()).isTrue();
      assertThat(failed.message()).contains("2 sandboxes");
      assertThat(small.host().containersOf(fourth)).isEmpty();
      assertThat(small.host().isRunning(firsts.containerId())).isTrue();
      assertThat(small.host().isRunning(thirds.containerId())).isTrue();
      // Those who have one keep being served.
      assertThat(small.agent().ensured(third).outcome()).isEqualTo(Ready.Outcome.REUSED);

      // A death makes room.
      small.host().docker().killContainerCmd(thirds.containerId()).exec();
      small.log().awaitReaped(third, SECONDS);
      UserId fifth = Deployment.newUser();
      assertThat(small.agent().ensured(fifth).outcome()).isEqualTo(Ready.Outcome.CREATED);
    }
  }

  @Test
  void aFullHostEvictsNobodyWhoWasActiveAMomentAgo() throws Exception {
    try (Deployment single = new Deployment().with("ZCBOT_SANDBOX_MAX", "1")) {
      single.start("a");
      Ready ready = single.agent().ensured(Deployment.newUser());
      UserId next = Deployment.newUser();
      single.agent().ensure(next);
      assertThat(single.log().awaitFailed(next).reason()).isEqualTo(Failed.Reason.CAPACITY);
      assertThat(single.host().isRunning(ready.containerId())).isTrue();
      assertThat(single.host().containersOf(next)).isEmpty();
    }
  }

  /**
   * Checks that it is announced within seconds and gone from the engine, and that the next ensure
   * makes another.
   */
  private Reaped assertDead(Ready ready) throws Exception {
    Reaped reaped = deployment.log().awaitReaped(ready.userId(), SECONDS);
    assertThat(reaped.reason()).isEqualTo(Reaped.Reason.DIED);
    assertThat(reaped.containerId()).isEqualTo(ready.containerId());
    await().atMost(SECONDS).until(() -> !deployment.host().exists(ready.containerId()));
    Ready next = deployment.agent().ensured(ready.userId());
    assertThat(next.outcome()).isEqualTo(Ready.Outcome.CREATED);
    assertThat(next.containerId()).isNotEqualTo(ready.containerId());
    assertThat(deployment.host().containersOf(ready.userId())).hasSize(1);
    assertThat(deployment.log().reaped(ready.userId())).hasSize(1);
    return reaped;
  }
}
