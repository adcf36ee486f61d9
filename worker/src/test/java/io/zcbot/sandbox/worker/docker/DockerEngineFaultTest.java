/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static io.zcbot.sandbox.worker.docker.FakeDockerApi.eof;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.error;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.frame;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.half;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.hang;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.openStream;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.reset;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.status;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.stream;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.github.dockerjava.core.DefaultDockerClientConfig;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.docker.FakeDockerApi.Reply;
import io.zcbot.sandbox.worker.docker.FakeDockerApi.Request;
import io.zcbot.sandbox.worker.docker.api.DockerEngineSettings;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Container.Ownership;
import io.zcbot.sandbox.worker.engine.Container.State;
import io.zcbot.sandbox.worker.engine.EngineEvent;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.ResourceLimits;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** Every row of the table of engine errors, and an engine that hangs, resets, or stops halfway. */
@Timeout(20)
@Execution(ExecutionMode.CONCURRENT) // they wait for time-outs
class DockerEngineFaultTest {
  /** Long enough for a loaded machine; nothing waits for it to pass. */
  private static final Duration PATIENT = Duration.ofSeconds(10);

  /** For what hangs. */
  private static final Duration IMPATIENT = Duration.ofSeconds(2);

  private static final UserId USER = UserId.parse("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
  private static final Path WORKSPACE = Path.of("/w/" + USER);
  private static final SandboxSpec SPEC =
      new SandboxSpec(
          "zcbot-sandbox:latest",
          null,
          new ResourceLimits(2L << 30, 1.5, 256, 512L << 20, null),
          "net",
          new NetworkPolicy(
              FirewallMode.CONTAINER,
              new Egress.Public(),
              new Dns.EngineDefault(),
              List.of("203.0.113.7", "198.51.100.0/24")));
  private static final Reply NETWORK =
      status(
          200,
          """
          {"Name":"net","Id":"n1","Driver":"bridge",
           "Options":{"com.docker.network.bridge.enable_icc":"false"}}""");
  private static final Reply CREATED = status(201, "{\"Id\":\"c1\",\"Warnings\":[]}");
  private static final Reply READY =
      openStream(frame(1, "zcbot-sandbox ready firewall=container ipv4=16 ipv6=disabled\n"));

  private final List<String> metrics = new CopyOnWriteArrayList<>();
  private FakeDockerApi fake;
  private DockerEngine engine;
  private DockerSandboxes sandboxes;

  /** Loading classes must not count against the deadline of the first test. */
  @BeforeAll
  static void warmUp() throws Exception {
    DockerEngineFaultTest test = new DockerEngineFaultTest();
    test.setUp();
    test.create();
    test.sandboxes.start("c1");
    test.tearDown();
  }

  @BeforeEach
  void setUp() throws IOException {
    fake = new FakeDockerApi();
    connect(8, PATIENT);
    fake.on("GET", "/networks/net", NETWORK).on("POST", "/containers/create", CREATED);
    fake.on("POST", "/containers/c1/attach", READY);
    fake.on("POST", "/containers/c1/start", status(204, ""));
  }

  @AfterEach
  void tearDown() throws IOException {
    engine.close();
    fake.close();
  }

  // --- look-ups

  @Test
  void findsWhatIsThere() throws EngineException {
    fake.on(
        "GET",
        "/containers/c1/json",
        status(
            200,
            """
            {"Id":"c1","Name":"/zcbot-sandbox-%1$s",
             "State":{"Status":"exited","ExitCode":137,"OOMKilled":true,
                      "StartedAt":"2026-01-02T03:04:05.123456789Z"},
             "Config":{"Labels":{"zcbot.product":"sandbox","zcbot.user_id":"%1$s",
                       "zcbot.worker":"w1","zcbot.spec":"s1"}}}"""
                .formatted(USER)));

    assertThat(engine.find("c1"))
        .contains(
            new Container(
                "c1",
                "zcbot-sandbox-" + USER,
                State.ENDED,
                new Ownership(USER, null, "w1", true),
                "s1",
                Instant.parse("2026-01-02T03:04:05.123456789Z"),
                137,
                true));
    assertThat(metrics).containsExactly("inspect ok");
  }

  @Test
  void absentIsNoFailure() throws EngineException {
    fake.on("GET", "/containers/c1/json", error(404, "No such container: c1"));

    assertThat(engine.find("c1")).isEmpty();
    assertThat(metrics).containsExactly("inspect absent");
  }

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
            new Hang("GET", "/networks/net", DockerEngineFaultTest::create),
            new Hang("POST", "/networks/create", DockerEngineFaultTest::create),
            new Hang("POST", "/containers/create", DockerEngineFaultTest::create),
            new Hang("POST", "/containers/c1/attach", e -> e.sandboxes(SPEC).start("c1")),
            new Hang("POST", "/containers/c1/start", e -> e.sandboxes(SPEC).start("c1")),
            new Hang("POST", "/containers/c1/kill", e -> e.kill("c1")),
            new Hang("DELETE", "/containers/c1", e -> e.remove("c1")),
            new Hang("POST", "/containers/c1/wait", e -> e.remove("c1")),
            new Hang("GET", "/exec/e1/json", e -> e.hasRunningExec("c1")),
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
  void halfAnAnswerIsNotAbsence() {
    for (Reply reply : List.of(reset(), eof(), half("{\"Id\":\"c1\","), half(""))) {
      fake.on("GET", "/containers/c1/json", reply);

      assertThat(failure(() -> engine.find("c1")).kind()).isEqualTo(Kind.UNAVAILABLE);
    }
    // well-formed, and yet nothing one could go by
    for (String body : List.of("{}", "{\"Id\":\"c1\"}", "[]", "null", "<html>")) {
      fake.on("GET", "/containers/c1/json", status(200, body));

      assertThat(failure(() -> engine.find("c1")).kind()).as(body).isEqualTo(Kind.UNAVAILABLE);
    }
  }

  @Test
  void aProxysErrorIsNotAbsence() {
    fake.on("GET", "/containers/c1/json", status(404, "404 page not found"));

    assertThat(failure(() -> engine.find("c1")).kind()).isEqualTo(Kind.TRANSIENT);
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
  void overloadIsTransient() {
    fake.on("GET", "/containers/json", error(503, "try later"));
    fake.on("GET", "/containers/c1/json", error(500, "layer does not exist"));

    assertThat(failure(engine::list).kind()).isEqualTo(Kind.TRANSIENT);
    assertThat(fake.asked("GET", "/containers/json")).as("the transport's own retry").hasSize(2);
    assertThat(failure(() -> engine.find("c1")).kind()).isEqualTo(Kind.TRANSIENT);
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
        .anyMatch(m -> m.contains("the look-up was not started within 2 s"));
    assertThat(fake.asked("GET", "/containers/c1/json")).hasSizeLessThanOrEqualTo(4);
  }

  @Test
  void anEnginesRestartFailsOneCallAtMost() throws Exception {
    fake.on("POST", "/containers/c1/kill", FakeDockerApi.together(10, status(204, "")));
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      threads.add(Thread.ofVirtual().start(() -> kill("c1")));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    fake.dropConnections();
    fake.on("POST", "/containers/c1/kill", status(204, ""));

    int failed = 0;
    for (int i = 0; i < 10; i++) {
      failed += kill("c1") ? 0 : 1;
    }
    assertThat(failed).isLessThanOrEqualTo(1);
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

    for (Thread thread : threads) {
      thread.join(2000);
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
      thread.join(2000);

      assertThat(thread.isAlive()).isFalse();
      assertThat(failures.getFirst().kind()).isEqualTo(Kind.UNAVAILABLE);
      assertThat(failures.getFirst().getMessage()).contains("interrupted");
      assertThat(interrupted).isTrue();
    }
  }

  @Test
  void listsSandboxesAndLeavesOutWhatIsOfNoUser() throws EngineException {
    fake.on(
        "GET",
        "/containers/json",
        status(
            200,
            """
            [{"Id":"c1","Names":["/other/alias","/zcbot-sandbox-%1$s"],"State":"paused",
              "Labels":{"zcbot.product":"sandbox","zcbot.user_id":"%1$s","zcbot.spec":"s1"}},
             {"Id":"c2","Names":["/x"],"State":"running",
              "Labels":{"zcbot.product":"sandbox","zcbot.user_id":"../x"}},
             {"Id":"c3","Names":["/y"],"State":"running","Labels":{"zcbot.product":"sandbox"}}]"""
                .formatted(USER)));

    assertThat(engine.list())
        .containsExactly(
            new Container(
                "c1",
                "zcbot-sandbox-" + USER,
                State.PAUSED,
                new Ownership(USER, null, null, false),
                "s1",
                null,
                null,
                false));
    assertThat(fake.asked("GET", "/containers/json").getFirst().target())
        .contains("all=true")
        .contains("zcbot.product%3Dsandbox");
  }

  // --- create

  @Test
  void createsWithEveryLimit() throws EngineException {
    assertThat(create()).isEqualTo("c1");

    Request request = fake.asked("POST", "/containers/create").getFirst();
    assertThat(request.target()).contains("name=zcbot-sandbox-" + USER);
    assertThat(request.body())
        .contains("\"ZCBOT_PG_IPS=203.0.113.7,198.51.100.0/24\"")
        .contains("\"NanoCpus\":1500000000")
        .contains("\"Memory\":2147483648")
        .contains("\"MemorySwap\":2147483648")
        .contains("\"zcbot.spec\":\"" + SPEC.hash() + "\"")
        .contains("\"Source\":\"" + WORKSPACE + "\"")
        .contains("disable_ipv6")
        .doesNotContain("\"Binds\":[\"");
    assertThat(fake.asked())
        .containsExactly("GET /networks/net", "POST /containers/create", "GET /containers/c1/json");
  }

  @Test
  void runtimeResolversAndWeightArePassedOn() throws EngineException {
    SandboxSpec special =
        new SandboxSpec(
            SPEC.image(),
            "runsc",
            new ResourceLimits(
                SPEC.limits().memoryBytes(),
                SPEC.limits().cpus(),
                SPEC.limits().pids(),
                SPEC.limits().tmpBytes(),
                300),
            SPEC.network(),
            new NetworkPolicy(
                FirewallMode.CONTAINER,
                new Egress.Public(),
                new Dns.Resolvers(List.of("9.9.9.9")),
                List.of()));

    engine.sandboxes(special).create(USER, WORKSPACE);

    assertThat(fake.asked("POST", "/containers/create").getFirst().body())
        .contains(
            "\"Runtime\":\"runsc\"",
            "\"BlkioWeight\":300",
            "\"Dns\":[\"9.9.9.9\"]",
            "\"ZCBOT_PG_IPS=\"");
  }

  @Test
  void refusedCreates() {
    assertCreateFails(error(400, "Invalid container name (a b)"), Kind.REJECTED);
    assertCreateFails(
        error(400, "invalid mount config for type \"bind\": bind source path does not exist: /w"),
        Kind.TRANSIENT);
    assertCreateFails(error(409, "Conflict. The container name is already in use"), Kind.CONFLICT);
    assertCreateFails(error(500, "no space left on device"), Kind.CAPACITY);
    assertCreateFails(reset(), Kind.UNAVAILABLE);
    assertCreateFails(half("{\"Id\":"), Kind.UNAVAILABLE);
    assertCreateFails(status(201, "{}"), Kind.UNAVAILABLE);
  }

  @Test
  void aMissingImageIsPulledOnce() throws EngineException {
    fake.on(
        "POST", "/containers/create", error(404, "No such image: zcbot-sandbox:latest"), CREATED);
    fake.on("POST", "/images/create", status(200, "{\"status\":\"Pull complete\"}\n"));

    assertThat(create()).isEqualTo("c1");
    assertThat(fake.asked())
        .containsExactly(
            "GET /networks/net",
            "POST /containers/create",
            "POST /images/create",
            "POST /containers/create",
            "GET /containers/c1/json");
  }

  @Test
  void anImageThatCantBePulledIsMissing() {
    String denied = "pull access denied for zcbot-sandbox, repository does not exist";
    for (Reply reply :
        List.of(
            error(404, denied),
            error(500, "Get https://registry-1.docker.io/v2/: dial tcp: no such host"),
            status(200, "{\"errorDetail\":{\"message\":\"" + denied + "\"},\"error\":\"x\"}\n"),
            hang(),
            openStream("{\"status\":\"Waiting\"}".getBytes(StandardCharsets.UTF_8)))) {
      impatient();
      fake.on("POST", "/containers/create", error(404, "No such image: zcbot-sandbox:latest"));
      fake.on("POST", "/images/create", reply);

      EngineException e = failure(this::create);

      assertThat(e.kind()).isEqualTo(Kind.IMAGE_MISSING);
      assertThat(e.getMessage())
          .startsWith(
              "pull: the engine does not have the image zcbot-sandbox:latest, and pulling"
                  + " it failed:")
          .contains("docker build -t zcbot-sandbox:latest sandbox-image");
    }
  }

  @Test
  void anEngineThatIsAwayOrFullIsNoMissingImage() {
    fake.on("POST", "/containers/create", error(404, "No such image: zcbot-sandbox:latest"));
    fake.on("POST", "/images/create", reset());
    assertThat(failure(this::create).kind()).isEqualTo(Kind.UNAVAILABLE);

    engine.close();
    connect(8, PATIENT);
    fake.on(
        "POST",
        "/images/create",
        status(200, "{\"errorDetail\":{\"message\":\"write /x: no space left on device\"}}"));
    assertThat(failure(this::create).kind()).isEqualTo(Kind.CAPACITY);
  }

  @Test
  void aQueueOfEnsuresPullsOnceAndAPresentImageNeedsNoPull() throws Exception {
    fake.on("POST", "/containers/create", error(404, "No such image: zcbot-sandbox:latest"));
    fake.on("POST", "/images/create", error(404, "manifest unknown"));
    List<EngineException> failures = new CopyOnWriteArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      threads.add(Thread.ofVirtual().start(() -> failures.add(failure(this::create))));
    }
    for (Thread thread : threads) {
      thread.join();
    }

    assertThat(failures)
        .hasSize(50)
        .extracting(EngineException::kind)
        .containsOnly(Kind.IMAGE_MISSING);
    assertThat(fake.asked("POST", "/images/create")).hasSize(1);

    // somebody builds it: no restart, no waiting
    fake.on("POST", "/containers/create", CREATED);
    assertThat(create()).isEqualTo("c1");
  }

  // --- network

  @Test
  void aMissingNetworkIsMadeOnceAndRemembered() throws Exception {
    fake.on("GET", "/networks/net", error(404, "network net not found"));
    fake.on("POST", "/networks/create", status(201, "{\"Id\":\"n1\"}"));
    AtomicInteger created = new AtomicInteger();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      threads.add(
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      create();
                      created.incrementAndGet();
                    } catch (EngineException e) {
                      throw new AssertionError(e);
                    }
                  }));
    }
    for (Thread thread : threads) {
      thread.join();
    }

    assertThat(created).hasValue(50);
    assertThat(fake.asked("POST", "/networks/create"))
        .singleElement()
        .extracting(Request::body)
        .asString()
        .contains("\"Driver\":\"bridge\"")
        .contains("\"com.docker.network.bridge.enable_icc\":\"false\"")
        .contains("\"zcbot.product\":\"sandbox-network\"");
    assertThat(fake.asked("GET", "/networks/net")).hasSize(1);
  }

  @Test
  void aNetworkMadeByAnotherMeanwhileIsFine() throws EngineException {
    fake.on("GET", "/networks/net", error(404, "network net not found"), NETWORK);
    fake.on("POST", "/networks/create", error(409, "network with name net already exists"));

    assertThat(create()).isEqualTo("c1");
  }

  @Test
  void fullAddressPoolsAreCapacityDespiteThe400() {
    fake.on("GET", "/networks/net", error(404, "network net not found"));
    fake.on(
        "POST",
        "/networks/create",
        error(400, "all predefined address pools have been fully subnetted"));

    EngineException e = failure(this::create);

    assertThat(e.kind()).isEqualTo(Kind.CAPACITY);
    assertThat(e.operation()).isEqualTo("network_create");
  }

  @Test
  void aNetworkThatJoinsSandboxesIsRefused() {
    fake.on(
        "GET",
        "/networks/net",
        status(200, "{\"Name\":\"net\",\"Driver\":\"bridge\",\"Options\":{}}"));

    EngineException e = failure(this::create);

    assertThat(e.kind()).isEqualTo(Kind.REJECTED);
    assertThat(e.getMessage()).contains("lets sandboxes reach one another", "remove it");
    assertThat(fake.asked("POST", "/containers/create")).isEmpty();
  }

  @Test
  void aVanishedNetworkIsMadeAgain() throws EngineException {
    create();
    fake.on("POST", "/containers/c1/start", error(404, "network net not found"), status(204, ""));
    fake.on("GET", "/networks/net", error(404, "network net not found"));
    fake.on("POST", "/networks/create", status(201, "{\"Id\":\"n2\"}"));

    assertThat(failure(() -> sandboxes.start("c1")).kind()).isEqualTo(Kind.CONFLICT);
    create();
    assertThat(fake.asked("POST", "/networks/create")).hasSize(1);

    // engines that look for the network earlier
    fake.on("POST", "/containers/create", error(404, "network net not found"), CREATED);
    assertThat(create()).isEqualTo("c1");
    assertThat(fake.asked("POST", "/networks/create")).hasSize(2);
  }

  // --- start

  @Test
  void attachesBeforeItStarts() throws EngineException {
    sandboxes.start("c1");

    assertThat(fake.asked())
        .containsExactly("POST /containers/c1/attach", "POST /containers/c1/start");
    assertThat(fake.asked("POST", "/containers/c1/attach").getFirst().target())
        .contains("stdout=1", "stream=1", "logs=0");
  }

  @Test
  void oneThatRunsAlreadyMustHaveSaidSo() throws EngineException {
    fake.on("POST", "/containers/c1/start", status(304, ""));
    fake.on("POST", "/containers/c1/attach", openStream(), READY);

    sandboxes.start("c1");

    assertThat(fake.asked("POST", "/containers/c1/attach").get(1).target()).contains("logs=1");
  }

  @Test
  void refusedStarts() {
    assertStartFails(error(404, "No such container: c1"), Kind.ABSENT);
    assertStartFails(error(400, "exec: \"/x\": permission denied: unknown"), Kind.REJECTED);
    assertStartFails(
        error(409, "container is marked for removal and cannot be started"), Kind.CONFLICT);
    assertStartFails(
        error(500, "driver failed programming external connectivity on endpoint"), Kind.TRANSIENT);
    assertStartFails(
        error(500, "no available IPv4 addresses on this network's address pools"), Kind.CAPACITY);
    assertStartFails(error(500, "adding interface veth1 failed: exchange full"), Kind.CAPACITY);
    assertStartFails(reset(), Kind.UNAVAILABLE);
    assertStartFails(eof(), Kind.UNAVAILABLE);
  }

  @Test
  void attachesThatFail() {
    // this one answer of the engine is plain text
    assertAttachFails(status(404, "No such container: c1\r\n"), Kind.ABSENT);
    assertAttachFails(
        status(409, "container c1 is paused, unpause the container\r\n"), Kind.CONFLICT);
    assertAttachFails(reset(), Kind.UNAVAILABLE);
    assertThat(fake.asked("POST", "/containers/c1/start")).isEmpty();
  }

  @Test
  void aFirewallThatFailedIsNeverReady() {
    fake.on(
        "POST",
        "/containers/c1/attach",
        stream(frame(1, "zcbot-sandbox failed rules: nft: Permission denied\n")));

    EngineException e = failure(() -> sandboxes.start("c1"));

    assertThat(e.kind()).isEqualTo(Kind.FIREWALL);
    assertThat(e.getMessage())
        .isEqualTo("start: init could not put the firewall in force: nft: Permission denied");
  }

  /** They are set again before the next try, so there is one. */
  @Test
  void hostsRulesThatAreNotInForceAreKnownByTheirCode() {
    fake.on(
        "POST", "/containers/c1/attach", stream(frame(1, "zcbot-sandbox failed host-rules: x\n")));

    assertThat(failure(() -> sandboxes.start("c1")).kind()).isEqualTo(Kind.UNPROTECTED);
  }

  @Test
  void whatAnEndBeforeReadyMeansIsInTheExitCode() {
    assertEndFails(status(200, "{\"StatusCode\":1}"), Kind.FIREWALL);
    assertEndFails(status(200, "{\"StatusCode\":0}"), Kind.FIREWALL);
    assertEndFails(status(200, "{\"StatusCode\":127}"), Kind.REJECTED);
    assertEndFails(status(200, "{\"StatusCode\":137}"), Kind.TRANSIENT);
    assertEndFails(error(404, "No such container: c1"), Kind.ABSENT);
    assertEndFails(reset(), Kind.UNAVAILABLE);
    assertEndFails(half("{"), Kind.UNAVAILABLE);

    fake.on("POST", "/containers/c1/wait", status(200, "{\"StatusCode\":2}"));
    assertThat(failure(() -> sandboxes.start("c1")).getMessage())
        .contains("exit code 2", "its last output: bash: nft: not found");
  }

  @Test
  void aTornStreamIsNoVerdict() {
    fake.on("POST", "/containers/c1/attach", stream(new byte[] {1, 0, 0, 0, 0, 0, 0, 99, 'z'}));

    assertThat(failure(() -> sandboxes.start("c1")).kind()).isEqualTo(Kind.UNAVAILABLE);
  }

  @Test
  void whatDoesNotGetReadyIsKilled() {
    impatient();
    fake.on("POST", "/containers/c1/attach", openStream(frame(1, "thinking\n")));
    fake.on("POST", "/containers/c1/kill", status(204, ""));

    EngineException e = failure(() -> sandboxes.start("c1"));

    assertThat(e.kind()).isEqualTo(Kind.TRANSIENT);
    assertThat(e.getMessage()).contains("did not report within 2 s that the firewall is in force");
    assertThat(fake.asked("POST", "/containers/c1/kill")).hasSize(1);
  }

  @Test
  void aHostWithoutIpv6NeedsNoSwitchingOff() throws EngineException {
    fake.on(
        "POST",
        "/containers/c1/start",
        error(
            500,
            "runc create failed: open /proc/sys/net/ipv6/conf/all/disable_ipv6: no such file or"
                + " directory"));

    assertThat(failure(() -> sandboxes.start("c1")).kind()).isEqualTo(Kind.CONFLICT);

    create();
    assertThat(fake.asked("POST", "/containers/create").getLast().body())
        .doesNotContain("disable_ipv6");
  }

  // --- kill, remove, execs

  @Test
  void killingWhatDoesNotRunIsNoFailure() throws EngineException {
    for (Reply reply :
        List.of(
            status(204, ""),
            error(404, "No such container: c1"),
            error(409, "container c1 is not running"))) {
      fake.on("POST", "/containers/c1/kill", reply);
      engine.kill("c1");
    }
    fake.on("POST", "/containers/c1/kill", error(500, "unknown error after kill"));
    assertThat(failure(() -> engine.kill("c1")).kind()).isEqualTo(Kind.TRANSIENT);
  }

  @Test
  void removingWhatIsGoneOrGoesIsNoFailure() throws EngineException {
    fake.on("DELETE", "/containers/c1", status(204, ""));
    engine.remove("c1");
    assertThat(fake.asked("DELETE", "/containers/c1").getFirst().target()).contains("force=true");

    fake.on("DELETE", "/containers/c1", error(404, "No such container: c1"));
    engine.remove("c1");

    fake.on(
        "DELETE", "/containers/c1", error(409, "removal of container c1 is already in progress"));
    fake.on("POST", "/containers/c1/wait", status(200, "{\"StatusCode\":137}"));
    engine.remove("c1");
    assertThat(fake.asked("POST", "/containers/c1/wait").getFirst().target())
        .contains("condition=removed");

    fake.on("POST", "/containers/c1/wait", error(404, "No such container: c1"));
    engine.remove("c1");
  }

  @Test
  void removalsThatFail() {
    fake.on("DELETE", "/containers/c1", error(500, "unable to remove filesystem for c1"));
    assertThat(failure(() -> engine.remove("c1")).kind()).isEqualTo(Kind.TRANSIENT);

    fake.on(
        "DELETE", "/containers/c1", error(409, "removal of container c1 is already in progress"));
    fake.on(
        "POST",
        "/containers/c1/wait",
        status(200, "{\"StatusCode\":-1,\"Error\":{\"Message\":\"unable to remove filesystem\"}}"));
    assertThat(failure(() -> engine.remove("c1")).kind()).isEqualTo(Kind.TRANSIENT);
  }

  @Test
  void anExecRunsWhileTheEngineSaysSo() throws EngineException {
    fake.on(
        "GET", "/containers/c1/json", status(200, "{\"Id\":\"c1\",\"ExecIDs\":[\"e1\",\"e2\"]}"));
    fake.on("GET", "/exec/e1/json", status(200, "{\"ID\":\"e1\",\"Running\":false}"));
    fake.on("GET", "/exec/e2/json", status(200, "{\"ID\":\"e2\",\"Running\":true}"));
    assertThat(engine.hasRunningExec("c1")).isTrue();

    fake.on("GET", "/exec/e2/json", error(404, "No such exec instance: e2"));
    assertThat(engine.hasRunningExec("c1")).isFalse();

    fake.on("GET", "/containers/c1/json", status(200, "{\"Id\":\"c1\",\"ExecIDs\":null}"));
    assertThat(engine.hasRunningExec("c1")).isFalse();

    fake.on("GET", "/containers/c1/json", error(404, "No such container: c1"));
    assertThat(failure(() -> engine.hasRunningExec("c1")).kind()).isEqualTo(Kind.ABSENT);

    fake.on("GET", "/containers/c1/json", status(200, "{\"Id\":\"c1\",\"ExecIDs\":[\"e1\"]}"));
  }

  // --- events

  @Test
  void reportsWhatHappensToSandboxes() {
    String events =
        event("exec_start: bash -c 'sleep 1'", "")
            + event("exec_die", ",\"exitCode\":\"0\"")
            + event("oom", "")
            + event("pause", "")
            + event("rename", ",\"oldName\":\"/x\"")
            + event("die", ",\"exitCode\":\"137\"")
            + event("die", ",\"exitCode\":\"what\"")
            + event("destroy", "")
            + event("die", "").replace(USER.toString(), "../x")
            + "{\"Type\":\"container\",\"Action\":\"die\"}\n";
    fake.on("GET", "/events", stream(events.getBytes(StandardCharsets.UTF_8)));
    List<EngineEvent> seen = new ArrayList<>();
    AtomicInteger connected = new AtomicInteger();

    EngineException e =
        failure(
            () ->
                engine.watch(
                    Instant.parse("2026-01-02T03:04:05.006Z"),
                    connected::incrementAndGet,
                    seen::add));

    assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE);
    assertThat(connected).hasValue(1);
    assertThat(seen)
        .containsExactly(
            seen(EngineEvent.Kind.EXEC, null),
            seen(EngineEvent.Kind.EXEC, null),
            seen(EngineEvent.Kind.PAUSED, null),
            seen(EngineEvent.Kind.RENAMED, null),
            seen(EngineEvent.Kind.DIED, 137),
            seen(EngineEvent.Kind.DIED, null),
            seen(EngineEvent.Kind.DESTROYED, null));
    assertThat(fake.asked("GET", "/events").getFirst().target())
        .contains("since=1767323045.006000000")
        .contains("zcbot.product%3Dsandbox", "exec_start");
  }

  @Test
  void aBrokenStreamIsTold() {
    for (Reply reply :
        List.of(
            reset(),
            eof(),
            stream("{\"Type\":\"cont".getBytes(StandardCharsets.UTF_8)),
            stream("<html>".getBytes(StandardCharsets.UTF_8)))) {
      fake.on("GET", "/events", reply);

      EngineException e = failure(() -> engine.watch(Instant.EPOCH, () -> {}, event -> {}));
      assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE);
    }
    fake.on("GET", "/events", error(400, "bad filter"));
    assertThat(failure(() -> engine.watch(Instant.EPOCH, () -> {}, event -> {})).kind())
        .isEqualTo(Kind.REJECTED);
  }

  @Test
  void interruptingEndsAWatchNormally() throws InterruptedException {
    for (Reply reply : List.of(openStream(), hang())) {
      fake.on("GET", "/events", reply);
      CountDownLatch connected = new CountDownLatch(1);
      AtomicBoolean normal = new AtomicBoolean();
      Thread thread =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      engine.watch(Instant.EPOCH, connected::countDown, event -> {});
                      normal.set(Thread.currentThread().isInterrupted());
                    } catch (EngineException e) {
                      throw new AssertionError(e);
                    }
                  });
      connected.await(200, TimeUnit.MILLISECONDS);
      thread.interrupt();
      thread.join(2000);

      assertThat(thread.isAlive()).isFalse();
      assertThat(normal).isTrue();
    }
  }

  @Test
  void aListenersOwnFailureIsNotTheEngines() {
    fake.on("GET", "/events", openStream(event("pause", "").getBytes(StandardCharsets.UTF_8)));
    IllegalStateException bug = new IllegalStateException("bug");

    Throwable thrown =
        catchThrowableOfType(
            RuntimeException.class,
            () ->
                engine.watch(
                    Instant.EPOCH,
                    () -> {},
                    event -> {
                      throw bug;
                    }));

    assertThat(thrown).isSameAs(bug);
  }

  // --- helpers

  private String create() throws EngineException {
    return sandboxes.create(USER, WORKSPACE);
  }

  private static String create(DockerEngine engine) throws EngineException {
    return engine.sandboxes(SPEC).create(USER, WORKSPACE);
  }

  private boolean kill(String id) {
    try {
      engine.kill(id);
      return true;
    } catch (EngineException e) {
      assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE);
      return false;
    }
  }

  private void assertCreateFails(Reply reply, Kind kind) {
    fake.on("POST", "/containers/create", reply);
    assertThat(failure(this::create).kind()).isEqualTo(kind);
  }

  private void assertStartFails(Reply reply, Kind kind) {
    fake.on("POST", "/containers/c1/attach", openStream());
    fake.on("POST", "/containers/c1/start", reply);
    assertThat(failure(() -> sandboxes.start("c1")).kind()).isEqualTo(kind);
  }

  private void assertAttachFails(Reply reply, Kind kind) {
    fake.on("POST", "/containers/c1/attach", reply);
    assertThat(failure(() -> sandboxes.start("c1")).kind()).isEqualTo(kind);
  }

  private void assertEndFails(Reply wait, Kind kind) {
    fake.on("POST", "/containers/c1/attach", stream(frame(2, "bash: nft: not found\n")));
    fake.on("POST", "/containers/c1/wait", wait);
    assertThat(failure(() -> sandboxes.start("c1")).kind()).isEqualTo(kind);
  }

  private static String event(String action, String attributes) {
    return """
    {"Type":"container","Action":"%s","status":"x","id":"c1","scope":"local","time":1767323045,\
    "timeNano":1767323045006000001,"Actor":{"ID":"c1","Attributes":{"zcbot.product":"sandbox",\
    "zcbot.user_id":"%s","zcbot.worker":"w1","name":"n"%s}}}
    """
        .formatted(action, USER, attributes);
  }

  private static EngineEvent seen(EngineEvent.Kind kind, @Nullable Integer exitCode) {
    return new EngineEvent(
        kind, USER, "c1", Instant.parse("2026-01-02T03:04:05.006000001Z"), exitCode);
  }

  private void impatient() {
    engine.close();
    connect(8, IMPATIENT);
  }

  private void connect(int maxLookups, Duration deadline) {
    engine = fake.client(settings(maxLookups, deadline), new RecordedCalls(metrics));
    sandboxes = engine.sandboxes(SPEC);
  }

  private static DockerEngineSettings settings(int maxLookups, Duration deadline) {
    return new DockerEngineSettings(deadline, deadline, deadline, deadline, maxLookups);
  }

  private static EngineException failure(Call call) {
    EngineException e = catchThrowableOfType(EngineException.class, call::run);
    assertThat(e).as("an exception").isNotNull();
    return e;
  }

  /** A call that should fail. */
  private interface Call {
    void run() throws EngineException;
  }

  /** A call in the course of which one request is never answered. */
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
            .contains(": no answer within 2 s from the engine at tcp://127.0.0.1:");
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
