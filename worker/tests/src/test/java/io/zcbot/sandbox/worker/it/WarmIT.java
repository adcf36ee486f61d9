/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.github.dockerjava.api.model.Container;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.Worker;
import io.zcbot.sandbox.worker.testkit.InFullRuns;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Warm slots from the view of agents and operators: a whole worker, a real broker, a real engine.
 */
@Tag("engine")
@Tag("kafka")
@Order(18)
class WarmIT {
  private static final int ROUNDS = Integer.getInteger("zcbot.test.rounds", 5);

  private Deployment deployment;

  @BeforeEach
  void setUp() throws IOException {
    deployment =
        new Deployment()
            .withNetwork()
            .with("ZCBOT_SANDBOX_WARM", "2")
            .with("ZCBOT_STOP_TIMEOUT", "120s")
            .withOps();
  }

  @AfterEach
  void tearDown() throws IOException {
    Path root = deployment.workspaces();
    deployment.close();
    assertThat(Files.readAllLines(Path.of("/proc/self/mountinfo")))
        .as("mounts that are left")
        .noneMatch(line -> line.contains(root.toString()));
  }

  private List<Container> parked() {
    return deployment.host().containers().stream()
        .filter(c -> c.getNames()[0].startsWith("/zcbot-slot-"))
        .toList();
  }

  private void awaitParked(int count) {
    await("parked slots")
        .atMost(Deployment.SOON)
        .pollInterval(Duration.ofMillis(50))
        .until(() -> deployment.ops().metric("zcbot_slots_idle") == count);
  }

  @Test
  void newUsersGetSlotsAndAStopLeavesNothing() throws Exception {
    Worker worker = deployment.start("one");
    awaitParked(2);
    assertThat(deployment.ops().metric("zcbot_sandboxes_running")).isZero();
    assertThat(deployment.ops().get("/").body()).contains("warm slots           2 of 2");
    UserId user = Deployment.newUser();

    Ready ready = deployment.agent().ensured(user);

    assertThat(ready.outcome()).isEqualTo(Ready.Outcome.CLAIMED);
    assertThat(deployment.host().inspect(ready.container().name()).getId())
        .isEqualTo(ready.containerId());
    assertThat(
            deployment.host().exec(ready.containerId(), "sh", "-c", "echo mine > file").exitCode())
        .isZero();
    assertThat(deployment.workspaces().resolve(user.toString()).resolve("file"))
        .hasContent("mine\n");
    assertThat(deployment.ops().metric("zcbot_slot_claims_total{result=\"claimed\"}")).isEqualTo(1);
    awaitParked(2);

    deployment.stop(worker);

    assertThat(deployment.log().awaitReaped(user, Deployment.SOON).reason())
        .isEqualTo(Reaped.Reason.SHUTDOWN);
    await()
        .atMost(Deployment.SOON)
        .until(() -> deployment.host().containersWithHelpers().isEmpty());
    assertThat(deployment.log().reaped(user)).hasSize(1);
  }

  @Test
  void aSlotThatIsRemovedByHandIsReplaced() throws Exception {
    deployment.start("one");
    awaitParked(2);
    String victim = parked().getFirst().getId();

    deployment.host().docker().removeContainerCmd(victim).withForce(true).exec();

    await()
        .atMost(Deployment.SOON)
        .until(
            () ->
                parked().size() == 2 && parked().stream().noneMatch(c -> c.getId().equals(victim)));
    awaitParked(2);
  }

  /** Users who come at once let the pool grow to its limit, also after a restart. */
  @Test
  void thePoolGrowsByDemandAndARestartRemembersIt() throws Exception {
    deployment.with("ZCBOT_SANDBOX_WARM", "1-5");
    Worker first = deployment.start("one");
    awaitParked(1);
    assertThat(deployment.ops().get("/").body()).contains("1 of 1, by demand: 1 to 5");
    List<UserId> users = Stream.generate(Deployment::newUser).limit(8).toList();
    for (UserId user : users) {
      deployment.agent().ensure(user);
    }
    for (UserId user : users) {
      deployment.log().awaitReady(user, 1);
    }

    awaitParked(5);
    assertThat(deployment.ops().metric("zcbot_slots_target")).isEqualTo(5);
    deployment.stop(first);

    deployment.start("one");
    awaitParked(5);
    assertThat(deployment.ops().metric("zcbot_slots_target")).isEqualTo(5);
  }

  @Test
  void claimedSandboxesOutliveARestartThatAdopts() throws Exception {
    deployment.with("ZCBOT_RESTART", "adopt");
    Worker first = deployment.start("one");
    awaitParked(2);
    UserId user = Deployment.newUser();
    Ready before = deployment.agent().ensured(user);
    assertThat(before.outcome()).isEqualTo(Ready.Outcome.CLAIMED);
    deployment.stop(first);
    assertThat(deployment.host().isRunning(before.containerId())).isTrue();

    deployment.start("one");
    Ready after = deployment.agent().ensured(user);

    assertThat(after.outcome()).isEqualTo(Ready.Outcome.REUSED);
    assertThat(after.containerId()).isEqualTo(before.containerId());
    assertThat(deployment.host().exec(after.containerId(), "touch", "file").exitCode()).isZero();
    assertThat(deployment.workspaces().resolve(user.toString()).resolve("file")).exists();
    deployment.host().docker().killContainerCmd(after.containerId()).exec();
    deployment.log().awaitReaped(user, Deployment.SOON);
  }

  /**
   * From outside: publish to received ready. Says what it measured; fails only on what is absurd.
   */
  @Test
  @InFullRuns("WarmSlotsIT measures claims without a log")
  void aClaimIsMuchFasterThanACreate() throws Exception {
    deployment.start("one");
    awaitParked(2);
    double[] claimed = new double[ROUNDS];
    double[] hot = new double[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
      awaitParked(2);
      UserId user = Deployment.newUser();
      claimed[i] = timed(user, Ready.Outcome.CLAIMED);
      hot[i] = timed(user, Ready.Outcome.REUSED);
    }
    double[] created = new double[ROUNDS];
    for (int i = 0; i < ROUNDS; ) {
      UserId user = Deployment.newUser();
      double took = timed(user, null);
      if (deployment.log().readies(user).getFirst().outcome() == Ready.Outcome.CREATED) {
        created[i++] = took;
      }
    }
    report("hot", hot);
    report("claimed", claimed);
    report("cold", created);
    assertThat(median(claimed)).isLessThan(median(created) / 2);
  }

  private double timed(UserId user, Ready.Outcome outcome) throws Exception {
    int before = deployment.log().readies(user).size();
    long start = System.nanoTime();
    deployment.agent().ensure(user);
    while (deployment.log().readies(user).size() == before) {
      assertThat(System.nanoTime() - start).isLessThan(Deployment.SOON.toNanos());
      Thread.sleep(0, 200_000);
    }
    double took = (System.nanoTime() - start) / 1e6;
    if (outcome != null) {
      assertThat(deployment.log().readies(user).getLast().outcome()).isEqualTo(outcome);
    }
    return took;
  }

  private static void report(String what, double[] millis) {
    double[] sorted = millis.clone();
    Arrays.sort(sorted);
    System.out.printf(
        Locale.ROOT,
        "ensure to ready, %s: p50 %.1f ms, p95 %.1f ms, n=%d%n",
        what,
        median(millis),
        sorted[(int) Math.ceil(sorted.length * 0.95) - 1],
        sorted.length);
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }
}
