/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.docker.EngineBench.Started;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Container.Ownership;
import io.zcbot.sandbox.worker.engine.Container.State;
import io.zcbot.sandbox.worker.engine.EngineEvent;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.security.Row;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The adapter's contract against a real engine and the real sandbox image. */
@Tag("engine")
@Timeout(120)
class DockerEngineIT {
  private static final Duration READY = Duration.ofSeconds(10);

  @TempDir static Path directory;
  private static EngineBench bench;

  @BeforeAll
  static void setUp() throws IOException {
    bench = new EngineBench(Files.createDirectory(directory.resolve("workspaces")), READY);
  }

  @AfterAll
  static void tearDown() throws IOException {
    bench.close();
  }

  @Test
  void aSandboxsLife() throws Exception {
    UserId user = EngineBench.user();
    String name = Container.nameOf(user);
    SandboxSpec spec = bench.spec();
    assertThat(bench.engine.find(name)).isEmpty();

    String id = bench.create(spec, user);

    Container created = bench.engine.find(name).orElseThrow();
    assertThat(created)
        .isEqualTo(
            new Container(
                id,
                name,
                State.CREATED,
                new Ownership(user, null, bench.worker, true),
                spec.hash(),
                null,
                created.exitCode(),
                false));

    Instant before = Instant.now();
    bench.start(id);

    Container running = bench.engine.find(id).orElseThrow();
    assertThat(running.state()).isEqualTo(State.RUNNING);
    assertThat(running.startedAt()).isBetween(before.minusSeconds(5), Instant.now().plusSeconds(5));
    assertThat(bench.engine.list())
        .filteredOn(c -> c.id().equals(id))
        .singleElement()
        .satisfies(
            listed -> {
              assertThat(listed.name()).isEqualTo(name);
              assertThat(listed.state()).isEqualTo(State.RUNNING);
              assertThat(listed.ownership())
                  .isEqualTo(new Ownership(user, null, bench.worker, true));
              assertThat(listed.specHash()).isEqualTo(spec.hash());
            });

    // started again, as after a start whose answer was lost: it has said that it is ready
    bench.start(id);

    bench.engine.kill(id);
    bench.engine.kill(id);
    Container ended = bench.engine.find(id).orElseThrow();
    assertThat(ended.state()).isEqualTo(State.ENDED);
    assertThat(ended.exitCode()).isEqualTo(137);

    bench.engine.remove(id);
    bench.engine.remove(id);
    bench.engine.kill(id);
    assertThat(bench.engine.find(name)).isEmpty();
    assertThat(failure(() -> bench.start(id)).kind()).isEqualTo(Kind.ABSENT);
    assertThat(failure(() -> bench.engine.hasRunningExec(id)).kind()).isEqualTo(Kind.ABSENT);
  }

  @Test
  void pings() throws EngineException {
    bench.engine.ping();
  }

  @Test
  void removesWhatRunsOrIsPausedAndSharesARemoval() throws Exception {
    Started paused = bench.start(bench.spec());
    bench.docker.pauseContainerCmd(paused.id()).exec();
    assertThat(bench.engine.find(paused.id()).orElseThrow().state()).isEqualTo(State.PAUSED);
    bench.engine.remove(paused.id());

    Started running = bench.start(bench.spec());
    List<EngineException> failures = new CopyOnWriteArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      threads.add(
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      bench.engine.remove(running.id());
                      if (bench.engine.find(running.id()).isPresent()) {
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
    UserId user = EngineBench.user();
    String id = bench.create(bench.spec(), user);

    EngineException e = failure(() -> bench.create(bench.spec(), user));

    assertThat(e.kind()).isEqualTo(Kind.CONFLICT);
    assertThat(e.getMessage()).contains("already in use", id);
  }

  @Test
  void theWorkspaceIsNeverMadeByTheEngine() {
    Path missing = directory.resolve("missing");

    EngineException e = failure(() -> bench.sandboxes().create(EngineBench.user(), missing));

    assertThat(e.kind()).isEqualTo(Kind.TRANSIENT);
    assertThat(e.getMessage()).contains("bind source path does not exist", "same path");
    assertThat(missing).doesNotExist();
  }

  @Test
  void aMissingImageSaysWhatToDo() {
    EngineException e =
        failure(
            () ->
                bench.create(bench.withImage("zcbot-missing:" + bench.worker), EngineBench.user()));

    assertThat(e.kind()).isEqualTo(Kind.IMAGE_MISSING);
    assertThat(e.getMessage()).contains("docker build -t zcbot-missing:", "ZCBOT_SANDBOX_IMAGE");
  }

  @Test
  void anUnknownRuntimeIsRefused() {
    EngineException e =
        failure(
            () -> {
              String id =
                  bench.create(
                      bench.withRuntime("no-such-runtime", bench.spec().policy()),
                      EngineBench.user());
              bench.start(id);
            });

    assertThat(e.kind()).isEqualTo(Kind.REJECTED);
    assertThat(e.getMessage()).contains("ZCBOT_SANDBOX_RUNTIME");
  }

  @Test
  void aVanishedNetworkIsMadeAgain() throws Exception {
    SandboxSpec spec = bench.withNetwork("zcbot-vanishing-" + bench.worker);
    Started first = bench.start(spec);
    bench.engine.remove(first.id());
    bench.removeNetwork(spec.network());

    UserId user = EngineBench.user();
    EngineException e =
        failure(
            () -> {
              // engines differ in when they notice
              String id = bench.create(spec, user);
              bench.sandboxes(spec).start(id);
              throw new EngineException(Kind.CONFLICT, "test", "made again at once", null);
            });
    assertThat(e.kind()).isEqualTo(Kind.CONFLICT);

    bench.engine.remove(Container.nameOf(user));
    String id = bench.create(spec, user);
    bench.sandboxes(spec).start(id);
    assertThat(bench.docker.inspectNetworkCmd().withNetworkId(spec.network()).exec().getOptions())
        .containsEntry("com.docker.network.bridge.enable_icc", "false");
  }

  /** Two workers, many users, no network yet. */
  @Test
  void manyAtOnceMakeOneNetwork() throws Exception {
    String name = "zcbot-shared-" + bench.worker;
    List<Throwable> failures = new CopyOnWriteArrayList<>();
    try (EngineBench other = new EngineBench(directory.resolve("workspaces"), READY)) {
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        EngineBench one = i % 2 == 0 ? bench : other;
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
    SandboxSpec spec = bench.withNetwork(bench.openNetwork());

    EngineException e = failure(() -> bench.create(spec, EngineBench.user()));

    assertThat(e.kind()).isEqualTo(Kind.REJECTED);
    assertThat(e.getMessage()).contains("lets sandboxes reach one another");
  }

  @Row(26)
  @Test
  void aFirewallThatFailsIsNeverReady() throws Exception {
    String id =
        bench.create(bench.withPgIps(FirewallMode.CONTAINER, "nonsense"), EngineBench.user());
    EngineException e = failure(() -> bench.start(id));
    assertThat(e.kind()).isEqualTo(Kind.FIREWALL);
    assertThat(e.getMessage()).contains("ZCBOT_PG_IPS", "nonsense");
    await().untilAsserted(() -> assertThat(state(id)).isEqualTo(State.ENDED));

    String noTools = bench.image(directory, "RUN rm /usr/sbin/xtables-nft-multi");
    String toolless =
        bench.create(bench.withImage(noTools, FirewallMode.CONTAINER), EngineBench.user());
    assertThat(failure(() -> bench.start(toolless)).kind()).isEqualTo(Kind.FIREWALL);
  }

  @Test
  void anImageOfAnotherKindIsNeverReady() throws Exception {
    String noEntryPoint = bench.image(directory, "ENTRYPOINT [\"/no/such/program\"]");
    String broken = bench.create(bench.withImage(noEntryPoint), EngineBench.user());
    EngineException e = failure(() -> bench.start(broken));
    assertThat(e.kind()).as(e.getMessage()).isEqualTo(Kind.REJECTED);

    String silentImage =
        bench.image(directory, "ENTRYPOINT [\"sh\", \"-c\", \"echo oops >&2; exit 3\"]");
    String silent = bench.create(bench.withImage(silentImage), EngineBench.user());
    e = failure(() -> bench.start(silent));
    assertThat(e.kind()).isEqualTo(Kind.FIREWALL);
    assertThat(e.getMessage()).contains("exit code 3", "its last words: oops");
  }

  @Test
  void whatDoesNotGetReadyInTimeIsKilled() throws Exception {
    String sleeping = bench.image(directory, "ENTRYPOINT [\"sleep\", \"infinity\"]");
    try (EngineBench hasty =
        new EngineBench(directory.resolve("workspaces"), Duration.ofSeconds(1))) {
      String id = hasty.create(hasty.withImage(sleeping), EngineBench.user());

      EngineException e = failure(() -> hasty.start(id));

      assertThat(e.kind()).isEqualTo(Kind.TRANSIENT);
      assertThat(hasty.engine.find(id).orElseThrow().state()).isEqualTo(State.ENDED);
    }
  }

  @Test
  void killedWhileStartingIsNotTheFirewallsFault() throws Exception {
    String sleeping = bench.image(directory, "ENTRYPOINT [\"sleep\", \"infinity\"]");
    String id = bench.create(bench.withImage(sleeping), EngineBench.user());
    Thread killer =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    await().until(() -> state(id) == State.RUNNING);
                    bench.engine.kill(id);
                  } catch (EngineException e) {
                    throw new AssertionError(e);
                  }
                });

    EngineException e = failure(() -> bench.start(id));

    killer.join();
    assertThat(e.kind()).isEqualTo(Kind.TRANSIENT);
    assertThat(e.getMessage()).contains("exit code 137");
  }

  @Test
  void aRunningExecIsSeen() throws Exception {
    Started sandbox = bench.start(bench.spec());
    assertThat(bench.engine.hasRunningExec(sandbox.id())).isFalse();

    bench.background(sandbox.id(), "sleep", "2");
    assertThat(bench.engine.hasRunningExec(sandbox.id())).isTrue();
    await()
        .atMost(10, TimeUnit.SECONDS)
        .untilAsserted(() -> assertThat(bench.engine.hasRunningExec(sandbox.id())).isFalse());

    // what a command leaves behind is no command somebody waits for
    bench.bash(sandbox.id(), "setsid sleep 100 >/dev/null 2>&1 & exit 0");
    assertThat(bench.engine.hasRunningExec(sandbox.id())).isFalse();
  }

  @Test
  void watchReportsWhatHappens() throws Exception {
    List<EngineEvent> seen = new CopyOnWriteArrayList<>();
    CountDownLatch connected = new CountDownLatch(1);
    Instant since = Instant.now().minusMillis(1);
    Started sandbox = bench.start(bench.spec());
    Thread watching =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    bench.engine.watch(since, connected::countDown, seen::add);
                  } catch (EngineException e) {
                    throw new AssertionError(e);
                  }
                });
    assertThat(connected.await(10, TimeUnit.SECONDS)).isTrue();

    bench.bash(sandbox.id(), "true");
    bench.docker.pauseContainerCmd(sandbox.id()).exec();
    bench.docker.unpauseContainerCmd(sandbox.id()).exec();
    bench.docker.renameContainerCmd(sandbox.id()).withName("zcbot-renamed-" + bench.worker).exec();
    bench.engine.kill(sandbox.id());
    bench.engine.remove(sandbox.id());

    await()
        .untilAsserted(
            () ->
                assertThat(of(sandbox, seen))
                    .extracting(EngineEvent::kind)
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
    assertThat(of(sandbox, seen).get(4).exitCode()).isEqualTo(137);

    watching.interrupt();
    watching.join(2000);
    assertThat(watching.isAlive()).isFalse();

    // what happened while nobody watched comes first, from the engine's memory
    List<EngineEvent> again = new CopyOnWriteArrayList<>();
    Thread late =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    bench.engine.watch(since, () -> {}, again::add);
                  } catch (EngineException e) {
                    throw new AssertionError(e);
                  }
                });
    await().untilAsserted(() -> assertThat(of(sandbox, again)).isEqualTo(of(sandbox, seen)));
    late.interrupt();
    late.join();
  }

  /** What seeing a container through to its ready line costs on top of the bare engine calls. */
  @Test
  void measuresAColdStart() throws Exception {
    int rounds = 15;
    long[] sandbox = new long[rounds];
    long[] bare = new long[rounds];
    for (int i = 0; i < rounds; i++) {
      UserId user = EngineBench.user();
      Path workspace = bench.workspace(user);
      long started = System.nanoTime();
      String id = bench.sandboxes().create(user, workspace);
      bench.start(id);
      sandbox[i] = System.nanoTime() - started;
      bench.engine.remove(id);

      started = System.nanoTime();
      id =
          new ContainerCreation(bench.spec(), bench.worker)
              .sandbox(bench.docker, user, workspace, true)
              .exec()
              .getId();
      bench.startContainer(id);
      bare[i] = System.nanoTime() - started;
      bench.engine.remove(id);
    }
    System.out.printf(
        Locale.ROOT,
        "cold start over %d rounds: create + start until ready %s; bare create + start %s%n",
        rounds,
        summary(sandbox),
        summary(bare));
    assertThat(sandbox[rounds / 2]).isLessThan(TimeUnit.SECONDS.toNanos(10));
  }

  private static String summary(long[] nanos) {
    Arrays.sort(nanos);
    return String.format(
        Locale.ROOT,
        "min %.0f ms, median %.0f ms, max %.0f ms",
        nanos[0] / 1e6,
        nanos[nanos.length / 2] / 1e6,
        nanos[nanos.length - 1] / 1e6);
  }

  private static State state(String id) throws EngineException {
    return bench.engine.find(id).orElseThrow().state();
  }

  /** An engine may tell twice what happens just when a watch begins. */
  private static List<EngineEvent> of(Started sandbox, List<EngineEvent> events) {
    return events.stream().filter(e -> e.containerId().equals(sandbox.id())).distinct().toList();
  }

  static EngineException failure(ThrowingCallable call) {
    EngineException e = catchThrowableOfType(EngineException.class, call);
    assertThat(e).as("an exception").isNotNull();
    return e;
  }
}
