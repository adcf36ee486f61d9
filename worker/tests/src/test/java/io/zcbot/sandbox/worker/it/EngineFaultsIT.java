/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.Worker;
import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.security.Row;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.machine.EngineProxy;
import io.zcbot.sandbox.worker.testkit.machine.HungFileSystem;
import io.zcbot.sandbox.worker.testkit.machine.SandboxImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * The engine or the workspaces' file system lacks something, is unavailable, or hangs: the answers
 * are clear, nothing is lost, and no manual repair is needed.
 */
@Tag("engine")
@Tag("kafka")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Order(9)
class EngineFaultsIT {
  private static final Duration NOTICED = Deployment.SOON;

  private Deployment deployment;
  private EngineProxy proxy;

  @BeforeAll
  void deploy() throws Exception {
    proxy = new EngineProxy();
    deployment =
        new Deployment().withEngineAt(proxy.address()).withOps().with("ZCBOT_ENGINE_TIMEOUT", "5s");
    deployment.start("a");
  }

  @AfterAll
  void leaveNothing() throws Exception {
    proxy.heal();
    deployment.close();
    proxy.close();
  }

  @Test
  void aMissingImageIsNamedAndOnceItIsThereAllWorksWithoutARestart() throws Exception {
    try (Deployment bare = new Deployment()) {
      // A registry that refuses connections: nothing is pulled from anywhere.
      String repository = "127.0.0.1:1/" + bare.id();
      bare.with("ZCBOT_SANDBOX_IMAGE", repository + ":tagged-later");
      bare.start("a");
      UserId user = Deployment.newUser();
      bare.agent().ensure(user, "too-early");
      Failed failed = bare.log().awaitFailed(user);
      assertThat(failed.reason()).isEqualTo(Failed.Reason.IMAGE_MISSING);
      assertThat(failed.retryable()).isFalse();
      assertThat(failed.ensureId()).isEqualTo("too-early");
      assertThat(failed.message()).contains(repository + ":tagged-later");
      assertThat(bare.host().containersOf(user)).isEmpty();

      bare.host().docker().tagImageCmd(SandboxImage.NAME, repository, "tagged-later").exec();
      try {
        bare.agent().ensure(user, "in-time");
        SandboxEvent answer = bare.log().awaitAnswer("in-time", Deployment.SOON);
        assertThat(answer).isInstanceOf(Ready.class);
        assertThat(((Ready) answer).environment().image()).isEqualTo(repository + ":tagged-later");
      } finally {
        bare.host()
            .containers()
            .forEach(
                c -> bare.host().docker().removeContainerCmd(c.getId()).withForce(true).exec());
        bare.host().docker().removeImageCmd(repository + ":tagged-later").exec();
      }
    }
  }

  @Test
  void aRemovedNetworkIsMadeAgain() throws Exception {
    try (Deployment alone = new Deployment().withNetwork()) {
      alone.start("a");
      UserId user = Deployment.newUser();
      Ready ready = alone.agent().ensured(user);
      alone.host().docker().removeContainerCmd(ready.containerId()).withForce(true).exec();
      alone.host().docker().removeNetworkCmd(alone.id()).exec();
      Ready next = alone.agent().ensured(Deployment.newUser());
      var network = alone.host().docker().inspectNetworkCmd().withNetworkId(alone.id()).exec();
      assertThat(network.getOptions())
          .containsEntry("com.docker.network.bridge.enable_icc", "false");
      assertThat(alone.host().inspect(next.containerId()).getNetworkSettings().getNetworks())
          .containsOnlyKeys(alone.id());
      assertThat(alone.host().containers()).hasSize(1);
    }
  }

  @Row(40)
  @Test
  void aWorkspaceThatIsALinkIsRefused() throws Exception {
    UserId user = Deployment.newUser();
    Path elsewhere = Files.createDirectory(deployment.workspaces().resolve("elsewhere"));
    Files.setPosixFilePermissions(elsewhere, PosixFilePermissions.fromString("rwxr-xr-x"));
    Path link = deployment.workspaces().resolve(user.toString());
    Files.createSymbolicLink(link, elsewhere);
    assertRefused(user, "symbolic link");
    assertThat(Files.getPosixFilePermissions(elsewhere))
        .isEqualTo(PosixFilePermissions.fromString("rwxr-xr-x"));
    assertThat(link).isSymbolicLink();
    Files.delete(link);
    deployment.agent().ensure(user, "fixed-" + user);
    assertThat(deployment.log().awaitAnswer("fixed-" + user, Deployment.SOON))
        .isInstanceOf(Ready.class);
  }

  @Test
  void aWorkspaceThatIsAFileIsRefused() throws Exception {
    UserId user = Deployment.newUser();
    Files.createFile(deployment.workspaces().resolve(user.toString()));
    assertRefused(user, "is not a directory");
  }

  private void assertRefused(UserId user, String because) throws Exception {
    deployment.agent().ensure(user);
    Failed failed = deployment.log().awaitFailed(user);
    assertThat(failed.reason()).isEqualTo(Failed.Reason.WORKSPACE);
    assertThat(failed.retryable()).isFalse();
    assertThat(failed.message()).contains(because, user.toString());
    assertThat(deployment.host().containersOf(user)).isEmpty();
  }

  /** As many as there are threads that carry the lanes, but fewer than may call the file system. */
  @Test
  void workspacesThatHangHoldUpOnlyTheirUsers() throws Exception {
    UserId other = Deployment.newUser();
    Ready others = deployment.agent().ensured(other);
    int count = Math.min(Runtime.getRuntime().availableProcessors(), 7);
    List<HungFileSystem> hung = new ArrayList<>();
    try {
      for (int i = 0; i < count; i++) {
        UserId user = Deployment.newUser();
        hung.add(HungFileSystem.at(deployment.workspaces().resolve(user.toString())));
        deployment.agent().ensure(user, "hangs-" + i, Instant.now().plusSeconds(15));
      }
      await()
          .atMost(NOTICED)
          .until(() -> deployment.ops().notReadyBecause().containsKey("workspaces"));

      assertThat(deployment.agent().ensured(other).containerId()).isEqualTo(others.containerId());
      for (int i = 0; i < count; i++) {
        Failed failed = (Failed) deployment.log().awaitAnswer("hangs-" + i, Duration.ofSeconds(60));
        assertThat(failed.reason()).isEqualTo(Failed.Reason.WORKSPACE);
        assertThat(failed.retryable()).isTrue();
      }
    } finally {
      for (HungFileSystem each : hung) {
        each.close();
      }
    }
    await().atMost(NOTICED).until(() -> deployment.ops().notReadyBecause().isEmpty());
  }

  @Test
  void whileTheEngineIsAwayNothingIsLostNobodySpinsAndHealthSaysSo() throws Exception {
    UserId hot = Deployment.newUser();
    UserId killed = Deployment.newUser();
    UserId cold = Deployment.newUser();
    UserId impatient = Deployment.newUser();
    Ready hots = deployment.agent().ensured(hot);
    Ready doomed = deployment.agent().ensured(killed);
    await().atMost(NOTICED).until(() -> deployment.ops().notReadyBecause().isEmpty());

    proxy.cut();
    deployment.host().docker().killContainerCmd(doomed.containerId()).exec();
    deployment.agent().ensure(hot, "away-hot");
    deployment.agent().ensure(cold, "away-cold");
    deployment.agent().ensure(impatient, "away-impatient", Instant.now().plusSeconds(10));

    await("health tells of the engine")
        .atMost(NOTICED)
        .until(
            () ->
                deployment
                    .ops()
                    .notReadyBecause()
                    .keySet()
                    .containsAll(Set.of("engine", "engine-events")));
    assertThat(deployment.ops().notReadyBecause().get("engine")).isNotBlank();
    assertThat(deployment.ops().get("/health/live").statusCode()).isEqualTo(200);
    assertUnavailable("away-impatient");

    int before = proxy.connections();
    long begun = System.nanoTime();
    TimeUnit.SECONDS.sleep(4);
    int tried = proxy.connections() - before;
    long seconds = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - begun);
    // Two ensures, a reconciliation every 2 s, a ping, the event stream; each may try twice.
    assertThat(tried).isBetween(1, (int) (10 * seconds));
    assertThat(deployment.log().answers("away-hot")).isEmpty();
    assertThat(deployment.log().answers("away-cold")).isEmpty();
    assertThat(deployment.log().reaped(hot)).isEmpty();

    proxy.heal();
    Ready again = (Ready) deployment.log().awaitAnswer("away-hot", Deployment.SOON);
    assertThat(again.outcome()).isEqualTo(Ready.Outcome.REUSED);
    assertThat(again.containerId()).isEqualTo(hots.containerId());
    assertThat(((Ready) deployment.log().awaitAnswer("away-cold", Deployment.SOON)).outcome())
        .isEqualTo(Ready.Outcome.CREATED);
    assertThat(deployment.log().awaitReaped(killed, NOTICED).reason())
        .isEqualTo(Reaped.Reason.DIED);
    deployment.awaitReady();
    await().atMost(Deployment.SOON).until(deployment.group()::isAllCommitted);
    assertThat(deployment.host().containersOf(hot)).hasSize(1);
    assertThat(deployment.host().containersOf(cold)).hasSize(1);
    assertThat(deployment.host().containersOf(impatient)).isEmpty();
  }

  @Test
  void whileTheEngineHangsEveryCallHasADeadline() throws Exception {
    UserId hot = Deployment.newUser();
    UserId cold = Deployment.newUser();
    UserId impatient = Deployment.newUser();
    Ready hots = deployment.agent().ensured(hot);
    await().atMost(NOTICED).until(() -> deployment.ops().notReadyBecause().isEmpty());

    proxy.freeze();
    deployment.agent().ensure(hot, "frozen-hot");
    deployment.agent().ensure(cold, "frozen-cold");
    Instant expiry = Instant.now().plusSeconds(10);
    deployment.agent().ensure(impatient, "frozen-impatient", expiry);
    await("health tells of the engine")
        .atMost(NOTICED)
        .until(() -> deployment.ops().notReadyBecause().containsKey("engine"));
    assertThat(deployment.ops().notReadyBecause().get("engine")).contains("no answer within 5 s");
    Failed failed = assertUnavailable("frozen-impatient");
    assertThat(Duration.between(expiry, failed.failedAt()))
        .isBetween(Duration.ofMillis(-100), Deployment.SOON);

    proxy.heal();
    Ready again = (Ready) deployment.log().awaitAnswer("frozen-hot", Deployment.SOON);
    assertThat(again.containerId()).isEqualTo(hots.containerId());
    assertThat(deployment.log().awaitAnswer("frozen-cold", Deployment.SOON))
        .isInstanceOf(Ready.class);
    deployment.awaitReady();
    await().atMost(Deployment.SOON).until(deployment.group()::isAllCommitted);
    await().atMost(NOTICED).until(() -> deployment.host().containersOf(cold).size() == 1);
    // What the engine was asked while it hung it may do later: nothing of it stays.
    await().atMost(NOTICED).until(() -> deployment.host().containersOf(impatient).isEmpty());
    // The event stream lives again, or its follower would not know of this at once.
    deployment.host().docker().killContainerCmd(again.containerId()).exec();
    deployment.log().awaitReaped(hot, NOTICED);
  }

  /** What a sandbox can't report is answered all the same, and the sandbox goes on afterwards. */
  @Test
  void whileTheEngineHangsCommandsAreAnsweredAfterTheirTimeouts() throws Exception {
    UserId user = Deployment.newUser();
    Ready ready = deployment.agent().ensured(user);
    deployment
        .agent()
        .exec(
            user, "hangs", "'shell':'touch /workspace/begun; exec sleep 300','timeout_seconds':15");
    Path begun = Path.of(ready.environment().workspace(), "begun");
    await().atMost(NOTICED).until(() -> Files.exists(begun));

    proxy.freeze();
    Exited hung = deployment.log().awaitExited("hangs");
    assertThat(hung.reason()).isEqualTo(Exited.Reason.TIMEOUT);
    assertThat(hung.message()).contains("the engine can't be reached");
    deployment.agent().exec(user, "meanwhile", "'command':['true']");
    Exited meanwhile = deployment.log().awaitExited("meanwhile");
    assertThat(meanwhile.reason()).isEqualTo(Exited.Reason.FAILED);
    assertThat(meanwhile.retryable()).isTrue();

    proxy.heal();
    deployment.awaitReady();
    deployment
        .agent()
        .exec(user, "after", "'shell':'grep -lx sleep /proc/[0-9]*/comm 2>/dev/null | wc -l'");
    Exited after = deployment.log().awaitExited("after");
    assertThat(after.reason()).as(String.valueOf(after.message())).isEqualTo(Exited.Reason.EXITED);
    assertThat(after.stdout()).isEqualTo(Data.of("0\n"));
    assertThat(Objects.requireNonNull(after.container()).id()).isEqualTo(ready.containerId());
    assertThat(deployment.log().reaped(user)).isEmpty();
    assertThat(deployment.ops().get("/metrics").body())
        .contains("zcbot_command_fallbacks_total 0.0");
    for (String id : List.of("hangs", "meanwhile", "after")) {
      assertThat(deployment.log().exits(id)).hasSize(1);
    }
  }

  private Failed assertUnavailable(String ensureId) {
    SandboxEvent answer = deployment.log().awaitAnswer(ensureId, NOTICED);
    assertThat(answer).isInstanceOf(Failed.class);
    Failed failed = (Failed) answer;
    assertThat(failed.reason()).isEqualTo(Failed.Reason.ENGINE_UNAVAILABLE);
    assertThat(failed.retryable()).isTrue();
    assertThat(failed.message()).isNotBlank();
    return failed;
  }

  @Test
  void aStartWaitsForTheEngineAndAStopEndsTheWait() throws Exception {
    try (EngineProxy away = new EngineProxy();
        Deployment early = new Deployment().withEngineAt(away.address()).withOps()) {
      away.cut();
      early.createTopics();
      UserId user = Deployment.newUser();
      early.agent().ensure(user);
      Worker given = early.worker("given-up");
      CompletableFuture<Throwable> ended = starting(early, given);
      await("health says what the start waits for")
          .atMost(NOTICED)
          .ignoreExceptionsInstanceOf(IOException.class) // until it listens
          .until(
              () ->
                  String.valueOf(early.ops().notReadyBecause().get("start"))
                      .contains("the engine"));
      given.close();
      assertThat(ended.get(180, TimeUnit.SECONDS)).isInstanceOf(StoppedException.class);

      Worker worker = early.worker("a");
      CompletableFuture<Throwable> started = starting(early, worker);
      await()
          .atMost(NOTICED)
          .ignoreExceptionsInstanceOf(IOException.class)
          .until(() -> early.ops().notReadyBecause().containsKey("start"));
      away.heal();
      assertThat(started.get(180, TimeUnit.SECONDS)).isNull();
      early.watch();
      assertThat(early.log().awaitReady(user, 1).workerId()).isEqualTo(early.workerId("a"));
      await().atMost(NOTICED).until(() -> early.ops().notReadyBecause().isEmpty());
    }
  }

  /** Nobody waits for the engine of a worker that stops. */
  @Test
  void aWorkerThatStopsEndsTwiceAsManySandboxesAtOnce() throws Exception {
    try (EngineProxy slow = new EngineProxy();
        Deployment full = new Deployment().withEngineAt(slow.address())) {
      Worker worker = full.with("ZCBOT_STOP_TIMEOUT", "120s").start("a");
      for (int i = 0; i < 10; i++) {
        full.agent().ensured(Deployment.newUser());
      }
      slow.hold("/kill");
      Thread stop = Thread.ofPlatform().name("stop").start(() -> full.stop(worker));
      await().atMost(NOTICED).untilAsserted(() -> assertThat(slow.held()).isEqualTo(8));
      slow.release();
      stop.join(Deployment.SOON);
      assertThat(stop.isAlive()).isFalse();
      assertThat(full.host().containers()).isEmpty();
    }
  }

  private static CompletableFuture<Throwable> starting(Deployment deployment, Worker worker) {
    CompletableFuture<Throwable> ended = new CompletableFuture<>();
    Thread.ofPlatform()
        .name("start")
        .start(
            () -> {
              try {
                worker.start();
                ended.complete(null);
              } catch (Throwable e) {
                ended.complete(e);
              }
            });
    return ended;
  }
}
