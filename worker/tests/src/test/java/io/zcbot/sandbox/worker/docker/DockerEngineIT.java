/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.docker.EngineFixture.Started;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Container.Ownership;
import io.zcbot.sandbox.worker.engine.Container.State;
import io.zcbot.sandbox.worker.engine.EngineEvent;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.engine.Verified;
import io.zcbot.sandbox.worker.security.Row;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.testkit.InFullRuns;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The adapter's contract against a real engine and the real sandbox image. */
@Tag("engine")
@Order(13)
class DockerEngineIT {
  private static final Duration READY = Duration.ofSeconds(60);

  @TempDir static Path directory;
  private static EngineFixture fixture;

  @BeforeAll
  static void setUp() throws IOException {
    fixture = new EngineFixture(Files.createDirectory(directory.resolve("workspaces")), READY);
  }

  @AfterAll
  static void tearDown() throws IOException {
    fixture.close();
  }

  @Test
  void aSandboxsLife() throws Exception {
    UserId user = EngineFixture.user();
    String name = Container.nameOf(user);
    SandboxSpec spec = fixture.spec();
    assertThat(fixture.engine.find(name)).isEmpty();

    String id = fixture.create(spec, user);

    Container created = fixture.engine.find(name).orElseThrow();
    assertThat(created)
        .isEqualTo(
            new Container(
                id,
                name,
                State.CREATED,
                new Ownership(user, null, fixture.worker, true),
                spec.hash(),
                null,
                created.exitCode(),
                false));

    Instant before = Instant.now();
    fixture.start(id);

    Container running = fixture.engine.find(id).orElseThrow();
    assertThat(running.state()).isEqualTo(State.RUNNING);
    assertThat(running.startedAt()).isBetween(before.minusSeconds(5), Instant.now().plusSeconds(5));
    assertThat(fixture.engine.list())
        .filteredOn(c -> c.id().equals(id))
        .singleElement()
        .satisfies(
            listed -> {
              assertThat(listed.name()).isEqualTo(name);
              assertThat(listed.state()).isEqualTo(State.RUNNING);
              assertThat(listed.ownership())
                  .isEqualTo(new Ownership(user, null, fixture.worker, true));
              assertThat(listed.specHash()).isEqualTo(spec.hash());
            });

    // started again, as after a start whose answer was lost: nobody can tell that it is ready
    assertThat(failure(() -> fixture.start(id)).kind()).isEqualTo(Kind.TRANSIENT);

    fixture.engine.kill(id);
    fixture.engine.kill(id);
    Container ended = fixture.engine.find(id).orElseThrow();
    assertThat(ended.state()).isEqualTo(State.ENDED);
    assertThat(ended.exitCode()).isEqualTo(137);

    fixture.engine.remove(id);
    fixture.engine.remove(id);
    fixture.engine.kill(id);
    assertThat(fixture.engine.find(name)).isEmpty();
    assertThat(failure(() -> fixture.start(id)).kind()).isEqualTo(Kind.ABSENT);
    assertThat(failure(() -> fixture.engine.hasRunningExec(id)).kind()).isEqualTo(Kind.ABSENT);
  }

  @Test
  void pings() throws EngineException {
    fixture.engine.ping();
  }

  @Test
  void removesWhatRunsOrIsPausedAndSharesARemoval() throws Exception {
    Started paused = fixture.start(fixture.spec());
    fixture.docker.pauseContainerCmd(paused.id()).exec();
    assertThat(fixture.engine.find(paused.id()).orElseThrow().state()).isEqualTo(State.PAUSED);
    fixture.engine.remove(paused.id());

    Started running = fixture.start(fixture.spec());
    List<EngineException> failures = new CopyOnWriteArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      threads.add(
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      fixture.engine.remove(running.id());
                      if (fixture.engine.find(running.id()).isPresent()) {
                        throw new AssertionError("still there");
                      }
                    } catch (EngineException e) {
                      failures.add(e);
                    }
                  }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failures).isEmpty();
  }

  @Test
  void aNameIsTakenOnce() throws Exception {
    UserId user = EngineFixture.user();
    String id = fixture.create(fixture.spec(), user);

    EngineException e = failure(() -> fixture.create(fixture.spec(), user));

    assertThat(e.kind()).isEqualTo(Kind.CONFLICT);
    assertThat(e.getMessage()).contains("already in use", id);
  }

  @Test
  void theWorkspaceIsNeverMadeByTheEngine() {
    Path missing = directory.resolve("missing");

    EngineException e = failure(() -> fixture.sandboxes().create(EngineFixture.user(), missing));

    assertThat(e.kind()).isEqualTo(Kind.TRANSIENT);
    assertThat(e.getMessage()).contains("bind source path does not exist", "same path");
    assertThat(missing).doesNotExist();
  }

  @Test
  void aMissingImageSaysWhatToDo() {
    EngineException e =
        failure(
            () ->
                fixture.create(
                    fixture.withImage("zcbot-missing:" + fixture.worker), EngineFixture.user()));

    assertThat(e.kind()).isEqualTo(Kind.IMAGE_MISSING);
    assertThat(e.getMessage()).contains("docker build -t zcbot-missing:", "ZCBOT_SANDBOX_IMAGE");
  }

  /** It would run by execs, each of which counts as a use of the sandbox. */
  @Test
  void theHealthCheckOfAnImageIsNotRun() throws Exception {
    SandboxSpec spec =
        fixture.withImage(fixture.image(directory, "HEALTHCHECK --interval=1s CMD true"));

    Started sandbox = fixture.start(spec);

    assertThat(fixture.docker.inspectContainerCmd(sandbox.id()).exec().getState().getHealth())
        .isNull();
    Verified verified =
        fixture
            .sandboxes(spec)
            .verify(sandbox.id(), sandbox.user(), sandbox.workspace())
            .orElseThrow();
    assertThat(verified.isAsSpecified()).isTrue();
  }

  @Test
  void anUnknownRuntimeIsRefused() {
    EngineException e =
        failure(
            () -> {
              String id =
                  fixture.create(
                      fixture.withRuntime("no-such-runtime", fixture.spec().policy()),
                      EngineFixture.user());
              fixture.start(id);
            });

    assertThat(e.kind()).isEqualTo(Kind.REJECTED);
    assertThat(e.getMessage()).contains("ZCBOT_SANDBOX_RUNTIME");
  }

  @Test
  void aVanishedNetworkIsMadeAgain() throws Exception {
    SandboxSpec spec = fixture.withNetwork("zcbot-vanishing-" + fixture.worker);
    Started first = fixture.start(spec);
    fixture.engine.remove(first.id());
    fixture.removeNetwork(spec.network());

    UserId user = EngineFixture.user();
    EngineException e =
        failure(
            () -> {
              // engines differ in when they notice
              String id = fixture.create(spec, user);
              fixture.sandboxes(spec).start(id);
              throw new EngineException(Kind.CONFLICT, "test", "made again at once", null);
            });
    assertThat(e.kind()).isEqualTo(Kind.CONFLICT);

    fixture.engine.remove(Container.nameOf(user));
    String id = fixture.create(spec, user);
    fixture.sandboxes(spec).start(id);
    assertThat(fixture.docker.inspectNetworkCmd().withNetworkId(spec.network()).exec().getOptions())
        .containsEntry("com.docker.network.bridge.enable_icc", "false");
  }

  /** Two workers, many users, no network yet. */
  @Test
  void manyAtOnceMakeOneNetwork() throws Exception {
    String name = "zcbot-shared-" + fixture.worker;
    List<Throwable> failures = new CopyOnWriteArrayList<>();
    try (EngineFixture other = new EngineFixture(directory.resolve("workspaces"), READY)) {
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < (InFullRuns.THIS_ONE ? 12 : 6); i++) {
        EngineFixture one = i % 2 == 0 ? fixture : other;
        SandboxSpec spec = one.withNetwork(name);
        threads.add(
            Thread.ofVirtual()
                .start(
                    () -> {
                      try {
                        Started sandbox = one.start(spec);
                        assertThat(one.bash(sandbox.id(), "echo fine").output()).isEqualTo("fine");
                        one.engine.remove(sandbox.id());
                      } catch (EngineException | IOException | AssertionError e) {
                        failures.add(e);
                      } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                      }
                    }));
      }
      for (Thread thread : threads) {
        thread.join();
      }
    }
    assertThat(failures).isEmpty();
  }

  @Test
  void aNetworkThatJoinsSandboxesIsRefused() {
    SandboxSpec spec = fixture.withNetwork(fixture.openNetwork());

    EngineException e = failure(() -> fixture.create(spec, EngineFixture.user()));

    assertThat(e.kind()).isEqualTo(Kind.REJECTED);
    assertThat(e.getMessage()).contains("lets sandboxes reach one another");
  }

  @Row(26)
  @Test
  void aFirewallThatFailsIsNeverReady() throws Exception {
    String id =
        fixture.create(fixture.withPgIps(FirewallMode.CONTAINER, "nonsense"), EngineFixture.user());
    EngineException e = failure(() -> fixture.start(id));
    assertThat(e.kind()).isEqualTo(Kind.FIREWALL);
    assertThat(e.getMessage()).contains("ZCBOT_PG_IPS", "nonsense");
    await().untilAsserted(() -> assertThat(state(id)).isEqualTo(State.ENDED));

    String noTools = fixture.image(directory, "RUN rm /usr/sbin/nft");
    String toolless =
        fixture.create(fixture.withImage(noTools, FirewallMode.CONTAINER), EngineFixture.user());
    assertThat(failure(() -> fixture.start(toolless)).kind()).isEqualTo(Kind.FIREWALL);
  }

  @Test
  void anImageOfAnotherKindIsNeverReady() throws Exception {
    String noEntryPoint = fixture.image(directory, "ENTRYPOINT [\"/no/such/program\"]");
    String broken = fixture.create(fixture.withImage(noEntryPoint), EngineFixture.user());
    EngineException e = failure(() -> fixture.start(broken));
    assertThat(e.kind()).as(e.getMessage()).isEqualTo(Kind.REJECTED);

    String silentImage =
        fixture.image(directory, "ENTRYPOINT [\"sh\", \"-c\", \"echo oops >&2; exit 3\"]");
    String silent = fixture.create(fixture.withImage(silentImage), EngineFixture.user());
    e = failure(() -> fixture.start(silent));
    assertThat(e.kind()).isEqualTo(Kind.FIREWALL);
    assertThat(e.getMessage()).contains("exit code 3", "its last output: oops");
  }

  @Test
  void whatDoesNotGetReadyInTimeIsKilled() throws Exception {
    String sleeping =
        fixture.image(directory, "ENTRYPOINT [\"sh\", \"-c\", \"exec sleep infinity\"]");
    try (EngineFixture hasty =
        new EngineFixture(directory.resolve("workspaces"), Duration.ofSeconds(15))) {
      String id = hasty.create(hasty.withImage(sleeping), EngineFixture.user());

      EngineException e = failure(() -> hasty.start(id));

      assertThat(e.kind()).isEqualTo(Kind.TRANSIENT);
      assertThat(hasty.engine.find(id).orElseThrow().state()).isEqualTo(State.ENDED);
    }
  }

  @Test
  void killedWhileStartingIsNotTheFirewallsFault() throws Exception {
    String sleeping =
        fixture.image(directory, "ENTRYPOINT [\"sh\", \"-c\", \"exec sleep infinity\"]");
    String id = fixture.create(fixture.withImage(sleeping), EngineFixture.user());
    Thread killer =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    await().until(() -> state(id) == State.RUNNING);
                    fixture.engine.kill(id);
                  } catch (EngineException e) {
                    throw new AssertionError(e);
                  }
                });

    EngineException e = failure(() -> fixture.start(id));

    killer.join();
    assertThat(e.kind()).isEqualTo(Kind.TRANSIENT);
    assertThat(e.getMessage()).contains("exit code 137");
  }

  @Test
  void aRunningExecIsSeen() throws Exception {
    Started sandbox = fixture.start(fixture.spec());
    assertThat(fixture.engine.hasRunningExec(sandbox.id())).isFalse();

    fixture.background(sandbox.id(), "sleep", "10");
    assertThat(fixture.engine.hasRunningExec(sandbox.id())).isTrue();
    await()
        .atMost(60, TimeUnit.SECONDS)
        .untilAsserted(() -> assertThat(fixture.engine.hasRunningExec(sandbox.id())).isFalse());

    // what a command leaves behind is no command somebody waits for
    fixture.bash(sandbox.id(), "setsid sleep 100 >/dev/null 2>&1 & exit 0");
    assertThat(fixture.engine.hasRunningExec(sandbox.id())).isFalse();
  }

  @Test
  void watchReportsWhatHappens() throws Exception {
    List<EngineEvent> seen = new CopyOnWriteArrayList<>();
    CountDownLatch connected = new CountDownLatch(1);
    Instant since = Instant.now().minusMillis(1);
    Started sandbox = fixture.start(fixture.spec());
    Thread watching =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    fixture.engine.watch(since, connected::countDown, seen::add);
                  } catch (EngineException e) {
                    throw new AssertionError(e);
                  }
                });
    assertThat(connected.await(90, TimeUnit.SECONDS)).isTrue();

    fixture.bash(sandbox.id(), "true");
    await().until(() -> of(sandbox, seen).size() == 2); // its end may be told late
    fixture.docker.pauseContainerCmd(sandbox.id()).exec();
    fixture.docker.unpauseContainerCmd(sandbox.id()).exec();
    fixture
        .docker
        .renameContainerCmd(sandbox.id())
        .withName("zcbot-renamed-" + fixture.worker)
        .exec();
    fixture.engine.kill(sandbox.id());
    fixture.engine.remove(sandbox.id());

    await()
        .untilAsserted(
            () ->
                assertThat(kindsWithOnePause(sandbox, seen))
                    .containsExactly(
                        EngineEvent.Kind.EXEC,
                        EngineEvent.Kind.EXEC,
                        EngineEvent.Kind.PAUSED,
                        EngineEvent.Kind.RENAMED,
                        EngineEvent.Kind.DIED,
                        EngineEvent.Kind.DESTROYED));
    assertThat(of(sandbox, seen))
        .allSatisfy(
            event -> {
              assertThat(event.user()).isEqualTo(sandbox.user());
              assertThat(event.at()).isAfter(since.minusSeconds(5));
            });
    assertThat(of(sandbox, seen))
        .filteredOn(event -> event.kind() == EngineEvent.Kind.DIED)
        .extracting(EngineEvent::exitCode)
        .containsExactly(137);

    watching.interrupt();
    watching.join(90_000);
    assertThat(watching.isAlive()).isFalse();

    // What happened while nobody watched comes first, from the engine's memory, which has room for
    // a few hundred events of all its containers.
    List<EngineEvent> again = new CopyOnWriteArrayList<>();
    Thread late =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    fixture.engine.watch(since, () -> {}, again::add);
                  } catch (EngineException e) {
                    throw new AssertionError(e);
                  }
                });
    await()
        .untilAsserted(
            () -> {
              assertThat(of(sandbox, again)).isNotEmpty();
              assertThat(of(sandbox, seen))
                  .endsWith(of(sandbox, again).toArray(EngineEvent[]::new));
            });
    late.interrupt();
    late.join();
  }

  private static State state(String id) throws EngineException {
    return fixture.engine.find(id).orElseThrow().state();
  }

  /**
   * The events of a sandbox, without repeated ones: an engine may report an event twice if it
   * happens just when a watch begins.
   */
  private static List<EngineEvent> of(Started sandbox, List<EngineEvent> events) {
    return new LinkedHashSet<>(events)
        .stream().filter(event -> event.containerId().equals(sandbox.id())).toList();
  }

  /**
   * The kinds of events of a sandbox that was paused once. An engine reports the pause a second
   * time if it hears of it from containerd when it has already resumed the container, which may be
   * after any later event.
   */
  private static List<EngineEvent.Kind> kindsWithOnePause(
      Started sandbox, List<EngineEvent> events) {
    List<EngineEvent.Kind> kinds = new ArrayList<>();
    for (EngineEvent event : of(sandbox, events)) {
      if (event.kind() != EngineEvent.Kind.PAUSED || !kinds.contains(event.kind())) {
        kinds.add(event.kind());
      }
    }
    return kinds;
  }

  static EngineException failure(ThrowingCallable call) {
    EngineException e = catchThrowableOfType(EngineException.class, call);
    assertThat(e).as("an exception").isNotNull();
    return e;
  }
}
