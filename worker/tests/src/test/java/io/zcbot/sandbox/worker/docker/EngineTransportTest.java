/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static io.zcbot.sandbox.worker.docker.FakeDockerApi.error;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.hang;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.openStream;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.status;
import static org.assertj.core.api.Assertions.assertThat;

import com.github.dockerjava.core.DefaultDockerClientConfig;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An engine that is away, hangs, resets connections or stops halfway. */
class EngineTransportTest extends AdapterTestCase {
  /** Above all: a look-up that hangs does not mean that nothing is there. */
  @Test
  void everyCallHasADeadline() throws Exception {
    List<Throwable> wrong = new CopyOnWriteArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (Hang hang :
        List.of(
            new Hang("GET", "/containers/c1/json", e -> e.find("c1")),
            new Hang("GET", "/containers/json", e -> e.list()),
            new Hang("GET", "/_ping", e -> e.ping()),
            new Hang("GET", "/networks/net", EngineTransportTest::create),
            new Hang("POST", "/networks/create", EngineTransportTest::create),
            new Hang("POST", "/containers/create", EngineTransportTest::create),
            new Hang("POST", "/containers/c1/attach", e -> e.sandboxes(SPEC).start("c1")),
            new Hang("POST", "/containers/c1/start", e -> e.sandboxes(SPEC).start("c1")),
            new Hang("POST", "/containers/c1/kill", e -> e.kill("c1")),
            new Hang("DELETE", "/containers/c1", e -> e.remove("c1")),
            new Hang("POST", "/containers/c1/wait", e -> e.remove("c1")),
            new Hang("GET", "/exec/e1/json", e -> e.hasRunningExec("c1")),
            new Hang("GET", "/containers/c1/stats", e -> e.cpuTime("c1")),
            new Hang("GET", "/events", e -> e.watch(Instant.EPOCH, () -> {}, event -> {})))) {
      threads.add(
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      hang.check();
                    } catch (IOException | AssertionError e) {
                      wrong.add(e);
                    }
                  }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(wrong).isEmpty();
  }

  @Test
  void aHangKeepsNobodyElseWaiting() throws Exception {
    fake.on("POST", "/containers/c1/start", hang());
    fake.on("GET", "/_ping", status(200, "OK"));
    Thread starting = Thread.ofVirtual().start(() -> failure(() -> sandboxes.start("c1")));

    for (int i = 0; i < 20; i++) {
      engine.ping();
    }
    assertThat(starting.isAlive()).isTrue();
    starting.interrupt();
    starting.join();
  }

  @Test
  void nobodyListensIsUnavailable() throws IOException {
    fake.close();

    for (Call call :
        List.<Call>of(
            () -> engine.find("c1"),
            () -> engine.list(),
            () -> engine.ping(),
            () -> sandboxes.start("c1"),
            () -> engine.kill("c1"),
            () -> engine.remove("c1"),
            () -> engine.hasRunningExec("c1"),
            () -> engine.cpuTime("c1"),
            () -> engine.watch(Instant.EPOCH, () -> {}, event -> {}),
            this::create)) {
      EngineException e = failure(call);
      assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE);
      assertThat(e.getMessage())
          .contains("could not connect to the engine at tcp://127.0.0.1:", "DOCKER_HOST");
    }
  }

  @Test
  void aMissingSocketIsNamed(@TempDir Path directory) {
    String address = "unix://" + directory.resolve("docker.sock");
    try (DockerEngine away =
        new DockerEngine(
            DefaultDockerClientConfig.createDefaultConfigBuilder()
                .withDockerHost(address)
                .withDockerTlsVerify(false)
                .build(),
            "w1",
            settings(8, PATIENT),
            SandboxMetrics.NONE)) {
      assertThat(failure(away::ping).getMessage())
          .isEqualTo(
              "ping: could not connect to the engine at "
                  + address
                  + ": No such file or directory; check that it runs there and that DOCKER_HOST"
                  + " is right");
    }
  }

  @Test
  void lookUpsAreBoundedAndWaitingForOneToo() throws Exception {
    engine.close();
    connect(2, IMPATIENT);
    fake.on("GET", "/containers/c1/json", hang());
    List<EngineException> failures = new CopyOnWriteArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      threads.add(Thread.ofVirtual().start(() -> failures.add(failure(() -> engine.find("c1")))));
    }
    for (Thread thread : threads) {
      thread.join();
    }

    assertThat(failures).extracting(EngineException::kind).containsOnly(Kind.UNAVAILABLE);
    assertThat(failures)
        .extracting(EngineException::getMessage)
        .anyMatch(m -> m.contains("the look-up was not started within 5 s"));
    assertThat(fake.asked("GET", "/containers/c1/json")).hasSizeLessThanOrEqualTo(4);
  }

  @Test
  void anEnginesRestartFailsOneCallAtMost() throws Exception {
    fake.on("POST", "/containers/c1/kill", FakeDockerApi.together(10, status(204, "")));
    List<EngineException> failures = new CopyOnWriteArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      threads.add(Thread.ofVirtual().start(() -> kill(failures)));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failures).isEmpty();
    fake.dropConnections();
    fake.on("POST", "/containers/c1/kill", status(204, ""));

    for (int i = 0; i < 10; i++) {
      kill(failures);
    }
    assertThat(failures)
        .hasSizeLessThanOrEqualTo(1)
        .allMatch(failure -> failure.kind() == Kind.UNAVAILABLE);
  }

  @Test
  void closingEndsWhatIsUnderWay() throws Exception {
    fake.on("GET", "/containers/c1/json", hang());
    fake.on("GET", "/events", openStream());
    List<EngineException> failures = new CopyOnWriteArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (Call call :
        List.<Call>of(
            () -> engine.find("c1"), () -> engine.watch(Instant.EPOCH, () -> {}, event -> {}))) {
      threads.add(Thread.ofVirtual().start(() -> failures.add(failure(call))));
    }
    Thread.sleep(300);

    engine.close();

    // Sooner than by the deadline of a call.
    for (Thread thread : threads) {
      assertThat(thread.join(PATIENT.dividedBy(2))).isTrue();
    }
    failures.add(failure(() -> engine.find("c1")));
    assertThat(failures).hasSize(3);
    assertThat(failures).extracting(EngineException::kind).containsOnly(Kind.UNAVAILABLE);
  }

  @Test
  void interruptingEndsACall() throws Exception {
    fake.on("GET", "/containers/c1/json", hang());
    fake.on("POST", "/containers/c1/attach", openStream());

    for (Call call : List.<Call>of(() -> engine.find("c1"), () -> sandboxes.start("c1"))) {
      AtomicBoolean interrupted = new AtomicBoolean();
      List<EngineException> failures = new CopyOnWriteArrayList<>();
      Thread thread =
          Thread.ofVirtual()
              .start(
                  () -> {
                    failures.add(failure(call));
                    interrupted.set(Thread.currentThread().isInterrupted());
                  });
      Thread.sleep(200);
      thread.interrupt();

      assertThat(thread.join(PATIENT.dividedBy(2))).isTrue();
      assertThat(failures.getFirst().kind()).isEqualTo(Kind.UNAVAILABLE);
      assertThat(failures.getFirst().getMessage()).contains("interrupted");
      assertThat(interrupted).isTrue();
    }
  }

  private static String create(DockerEngine engine) throws EngineException {
    return engine.sandboxes(SPEC).create(USER, WORKSPACE);
  }

  private void kill(List<EngineException> failures) {
    try {
      engine.kill("c1");
    } catch (EngineException e) {
      failures.add(e);
    }
  }

  /** A call with one request that is never answered. */
  private record Hang(String method, String path, CallOn call) {
    void check() throws IOException {
      try (FakeDockerApi fake = new FakeDockerApi()) {
        if (!path.equals("/networks/create")) {
          fake.on("GET", "/networks/net", NETWORK);
        } else {
          fake.on("GET", "/networks/net", error(404, "network net not found"));
        }
        fake.on("POST", "/containers/create", CREATED)
            .on("POST", "/containers/c1/attach", openStream())
            .on("DELETE", "/containers/c1", error(409, "removal is already in progress"))
            .on("GET", "/containers/c1/json", status(200, "{\"Id\":\"c1\",\"ExecIDs\":[\"e1\"]}"))
            .on(method, path, hang());
        DockerEngine engine = fake.client(settings(8, IMPATIENT), SandboxMetrics.NONE);
        long started = System.nanoTime();

        EngineException e = failure(() -> call.on(engine));

        assertThat(e.kind()).as(path).isEqualTo(Kind.UNAVAILABLE);
        assertThat(e.getMessage())
            .as(path)
            .contains(": no answer within 5 s from the engine at tcp://127.0.0.1:");
        assertThat(Duration.ofNanos(System.nanoTime() - started))
            .isBetween(IMPATIENT, IMPATIENT.multipliedBy(4));
        assertThat(fake.asked(method, path)).as(path).hasSize(1);
        engine.close();
      }
    }
  }

  private interface CallOn {
    void on(DockerEngine engine) throws EngineException;
  }
}
