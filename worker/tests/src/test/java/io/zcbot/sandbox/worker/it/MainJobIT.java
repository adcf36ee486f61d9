/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.github.dockerjava.api.command.InspectContainerResponse;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.Worker;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.machine.Execs;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.header.Header;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Ensure → sandbox → ready → activity → reaped, through real topics and a real engine. */
@Tag("engine")
@Tag("kafka")
@Order(9)
class MainJobIT {
  private static final Duration LONG = Duration.ofMinutes(10);

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
  void anEnsureMakesASandboxAndTheNextOneReusesIt() throws Exception {
    deployment.start("a");
    UserId user = Deployment.newUser();

    Ready first = deployment.agent().ensured(user);
    assertThat(first.outcome()).isEqualTo(Ready.Outcome.CREATED);
    assertThat(first.container().host()).isEqualTo("a");
    assertThat(first.environment().runtime()).isEqualTo("default");
    InspectContainerResponse container = deployment.host().inspect(first.container().name());
    assertThat(container.getId()).isEqualTo(first.containerId());
    assertThat(container.getState().getRunning()).isTrue();
    assertThat(container.getConfig().getLabels())
        .containsEntry("zcbot.product", "sandbox")
        .containsEntry("zcbot.user_id", user.toString())
        .containsEntry("zcbot.worker", deployment.workerId("a"))
        .containsKey("zcbot.spec");

    Execs.Outcome ran =
        deployment
            .host()
            .exec(
                first.containerId(),
                "python3",
                "-c",
                "import getpass; open('/workspace/hello','w').write('x'); print(getpass.getuser())");
    assertThat(ran.output()).isEqualTo("sandbox");
    assertThat(Path.of(first.environment().workspace()))
        .isEqualTo(deployment.workspaces().toRealPath().resolve(user.toString()));
    assertThat(Files.readString(Path.of(first.environment().workspace(), "hello"))).isEqualTo("x");

    Ready second = deployment.agent().ensured(user);
    assertThat(second.outcome()).isEqualTo(Ready.Outcome.REUSED);
    assertThat(second.containerId()).isEqualTo(first.containerId());
    await().atMost(Deployment.SOON).until(deployment.group()::isAllCommitted);
  }

  @Test
  void resultsCarryCloudEventsHeadersAndTheUsersKey() throws Exception {
    deployment.start("a");
    UserId user = Deployment.newUser();
    Ready ready = deployment.agent().ensured(user);
    var record = deployment.log().records(Topic.READY).getFirst();
    assertThat(new String(record.key(), StandardCharsets.UTF_8)).isEqualTo(user.toString());
    assertThat(record.headers())
        .extracting(Header::key)
        .contains("ce_id", "ce_type", "ce_source", "ce_time", "ce_subject", "ce_specversion");
    assertThat(record.headers().lastHeader("ce_id").value())
        .isEqualTo(ready.eventId().getBytes(StandardCharsets.UTF_8));
    assertThat(record.partition())
        .isEqualTo(deployment.log().records(Topic.ENSURE).getFirst().partition());
  }

  @Test
  void theSameEnsureAHundredTimesIsOneContainer() throws Exception {
    deployment.start("a");
    UserId user = Deployment.newUser();
    for (int i = 0; i < 100; i++) {
      deployment.agent().ensure(user, "the-same");
    }
    Ready last = deployment.log().awaitReady(user, 100);
    assertThat(deployment.log().readies(user))
        .hasSize(100)
        .allSatisfy(
            ready -> {
              assertThat(ready.containerId()).isEqualTo(last.containerId());
              assertThat(ready.eventId()).isEqualTo(last.eventId());
              assertThat(ready.ensureId()).isEqualTo("the-same");
            });
    assertThat(deployment.host().containersOf(user)).hasSize(1);
  }

  @Test
  void anIdleSandboxIsReapedWithinTheTtlAndTwoIntervals() throws Exception {
    deployment.with("ZCBOT_SANDBOX_IDLE_TTL", "4s").start("a");
    UserId user = Deployment.newUser();
    Ready ready = deployment.agent().ensured(user);
    Reaped reaped = deployment.log().awaitReaped(user, Deployment.SOON);
    assertThat(Duration.between(ready.readyAt(), reaped.reapedAt()))
        .isBetween(
            Duration.ofSeconds(4), Duration.ofSeconds(4 + 2 + 60)); // a busy machine adds some
    assertThat(reaped.reason()).isEqualTo(Reaped.Reason.IDLE);
    assertThat(reaped.containerId()).isEqualTo(ready.containerId());
    assertThat(reaped.lastActiveAt()).isNotNull();
    await().atMost(Deployment.SOON).until(() -> deployment.host().containersOf(user).isEmpty());
    // The workspace stays (I9), and the next sandbox has it again.
    assertThat(Path.of(ready.environment().workspace())).isDirectory();
    assertThat(deployment.agent().ensured(user).outcome()).isEqualTo(Ready.Outcome.CREATED);
  }

  @Test
  void activityKeepsSandboxesAliveAndNoneOfItIsLost() throws Exception {
    deployment
        .with("ZCBOT_SANDBOX_IDLE_TTL", "10s")
        .with("ZCBOT_SANDBOX_IDLE_TTL_MAX", "1h")
        .start("a");
    List<UserId> users = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      users.add(Deployment.newUser());
      deployment.agent().ensure(users.get(i), LONG);
    }
    users.forEach(user -> deployment.log().awaitReady(user, 1));
    // All run: from now on none of them has more than ten seconds.
    for (UserId user : users) {
      deployment.agent().ensure(user);
    }
    // 270 activities over twice the TTL.
    for (int i = 0; i < 270; i++) {
      deployment.agent().activity(users.get(i % users.size()));
      TimeUnit.MILLISECONDS.sleep(75);
    }
    users.forEach(user -> assertThat(deployment.log().reaped(user)).isEmpty());
    users.forEach(
        user ->
            assertThat(deployment.log().awaitReaped(user, Deployment.SOON).reason())
                .isEqualTo(Reaped.Reason.IDLE));
  }

  @Test
  void aCommandThatRunsForThreeTimesTheTtlSurvives() throws Exception {
    deployment
        .with("ZCBOT_SANDBOX_IDLE_TTL", "3s")
        .with("ZCBOT_SANDBOX_IDLE_TTL_MAX", "1h")
        .start("a");
    UserId user = Deployment.newUser();
    Ready ready = deployment.agent().ensured(user, LONG);
    deployment
        .host()
        .execDetached(ready.containerId(), "sh", "-c", "sleep 10; echo done > /workspace/out");
    deployment.agent().ensured(user);
    Path out = Path.of(ready.environment().workspace(), "out");
    await().atMost(Deployment.SOON).until(() -> Files.exists(out));
    Reaped reaped = deployment.log().awaitReaped(user, Deployment.SOON);
    assertThat(reaped.reason()).isEqualTo(Reaped.Reason.IDLE);
    assertThat(reaped.reapedAt()).isAfter(Files.getLastModifiedTime(out).toInstant());
  }

  @Test
  void aKilledSandboxIsAnnouncedDeadWithinSecondsAndMadeAgain() throws Exception {
    deployment.start("a");
    UserId user = Deployment.newUser();
    Ready ready = deployment.agent().ensured(user);
    deployment.host().docker().killContainerCmd(ready.containerId()).exec();
    Reaped reaped = deployment.log().awaitReaped(user, Deployment.SOON);
    assertThat(reaped.reason()).isEqualTo(Reaped.Reason.DIED);
    assertThat(reaped.exitCode()).isEqualTo(137);
    Ready next = deployment.agent().ensured(user);
    assertThat(next.containerId()).isNotEqualTo(ready.containerId());
  }

  @Test
  void removalByHandIsAnnouncedWithinSeconds() throws Exception {
    deployment.start("a");
    UserId user = Deployment.newUser();
    Ready ready = deployment.agent().ensured(user);
    deployment.host().docker().removeContainerCmd(ready.containerId()).withForce(true).exec();
    Reaped reaped = deployment.log().awaitReaped(user, Deployment.SOON);
    assertThat(reaped.reason()).isEqualTo(Reaped.Reason.DIED);
    assertThat(reaped.containerId()).isEqualTo(ready.containerId());
    assertThat(reaped.exitCode()).isEqualTo(137);
  }

  @Test
  void aStopAnnouncesEverySandboxAndTheNextStartRepeatsNothing() throws Exception {
    Worker worker = deployment.start("a");
    UserId user = Deployment.newUser();
    Ready ready = deployment.agent().ensured(user);
    deployment.stop(worker);
    Reaped reaped = deployment.log().awaitReaped(user, Deployment.SOON);
    assertThat(reaped.reason()).isEqualTo(Reaped.Reason.SHUTDOWN);
    assertThat(deployment.host().isRunning(ready.containerId())).isFalse();
    assertThat(deployment.group().isAllCommitted()).isTrue();
    deployment.start("a");
    UserId other = Deployment.newUser();
    deployment.agent().ensured(other);
    assertThat(deployment.log().readies(user)).hasSize(1);
    assertThat(deployment.log().reaped(user)).hasSize(1);
  }
}
