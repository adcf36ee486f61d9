/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.json.JsonMapper;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.InFullRuns;
import io.zcbot.sandbox.worker.testkit.deployment.Composition;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.machine.Commands;
import io.zcbot.sandbox.worker.testkit.machine.Mounts;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** The worker in a container, with only the rights that compose.yaml grants. */
@Tag("engine")
@Tag("kafka")
@Tag("compose")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Order(4)
class WorkerContainerIT {
  private static final String WARM = "compose.warm.yaml";
  private static final String CHOWN_AND_FOWNER = "0000000000000009";
  private static final String SYS_ADMIN_AND_IDS_ON_TOP = "00000000002000c9";
  private static final Path HOST_NAME = Path.of("/proc/sys/kernel/hostname");
  private static final int HUGE_RECORDS = 150;
  private static final String NONE = "0000000000000000";

  private Composition composition;
  private Deployment deployment;

  @BeforeAll
  void compose(@TempDir Path directory) throws Exception {
    composition = new Composition(directory);
  }

  @AfterAll
  void leaveNothing() throws Exception {
    composition.close();
  }

  @BeforeEach
  void deploy() throws Exception {
    deployment = new Deployment(composition.bootstrapServers()).withNetwork().withOps();
    deployment.createTopics();
    deployment.watch();
  }

  @AfterEach
  void clearAway() throws Exception {
    composition.remove();
    deployment.close();
  }

  @Test
  void theLeastIsEnough() throws Exception {
    deployment.with("ZCBOT_SANDBOX_WARM", "1");
    String worker = composition.start(deployment, "");
    awaitServing();

    UserId user = Deployment.newUser();
    Ready ready = deployment.agent().ensured(user);
    assertThat(ready.outcome()).isEqualTo(Ready.Outcome.CREATED);
    // Not its container's: by this name, workers of one id on two machines notice each other.
    assertThat(ready.container().host()).isEqualTo(Files.readString(HOST_NAME).strip());
    assertWorkspaceIsUsed(ready);
    assertThat(deployment.agent().ensured(user).outcome()).isEqualTo(Ready.Outcome.REUSED);
    assertThat(check("warm-slots")).startsWith("warning").contains("CAP_SYS_ADMIN");

    assertCapabilities(worker, CHOWN_AND_FOWNER);
    assertThat(inside(worker, "tr '\\0' ' ' < /proc/1/cmdline").output())
        .contains("io.zcbot.sandbox.worker.cli.Main run");
    for (String place : List.of("/opt/zcbot/lib/x", "/etc/x", "/usr/bin/x", "/var/lib/x")) {
      Commands.Result written = inside(worker, "echo x > " + place);
      assertThat(written.exitCode()).as(place).isNotZero();
      assertThat(written.output()).contains("Read-only file system");
    }
    assertThat(inside(worker, "echo x > /tmp/x && cat /tmp/x").output()).isEqualTo("x\n");
    assertThat(deployment.host().inspect(worker).getHostConfig().getMemory()).isEqualTo(1L << 30);

    assertTheGatewayServes();
    assertItStopsAsItShould(worker, user);
  }

  /**
   * With the key that compose.yaml says how to make, as a program that uses E2B's SDK begins. The
   * SDKs themselves are used in GatewayIT.
   */
  private void assertTheGatewayServes() throws Exception {
    String key = composition.addKey("local"); // the volume is made for it
    String gateway = composition.startGateway();
    HttpRequest create =
        HttpRequest.newBuilder(composition.gateway().resolve("/v2/sandboxes"))
            .header("X-API-KEY", key)
            .header("Content-Type", "application/json")
            // More than workers allow unless they are told: compose.yaml does.
            .POST(BodyPublishers.ofString("{\"templateID\":\"base\",\"timeout\":3600}"))
            .timeout(Deployment.SOON)
            .build();
    try (HttpClient http = HttpClient.newHttpClient()) {
      HttpResponse<String> made =
          await("the gateway serves")
              .atMost(Deployment.SOON)
              .pollInterval(Duration.ofMillis(200))
              .ignoreExceptions()
              .until(() -> http.send(create, BodyHandlers.ofString()), Objects::nonNull);
      assertThat(made.statusCode()).as(made.body()).isEqualTo(201);
    }
    await("its check of health")
        .atMost(Deployment.SOON)
        .until(
            () -> deployment.host().inspect(gateway).getState().getHealth().getStatus(),
            "healthy"::equals);
    assertCapabilities(gateway, NONE);
    assertThat(inside(gateway, "id -u; stat -c '%u %a' /var/lib/zcbot/gateway/secret").output())
        .isEqualTo("65534\n65534 600\n");
  }

  @Test
  @InFullRuns("ConsoleIT, with a worker beside it")
  void theDemosSandboxIsOnTheConsolesPage() throws Exception {
    composition.start(deployment, "");
    awaitServing();
    composition.startDemo();

    await("the command's output")
        .atMost(Deployment.SOON)
        .until(composition::demoLog, log -> log.contains("6 * 7 is 42"));
    await("the sandbox on the page")
        .atMost(Deployment.SOON)
        .ignoreExceptions()
        .until(this::overview, overview -> overview.contains("\"sandboxes\":1,"));
    assertThat(deployment.host().containers()).hasSize(1);
  }

  /** The first data that the console sends to a page. */
  private String overview() throws Exception {
    HttpRequest events =
        HttpRequest.newBuilder(composition.console().resolve("/events"))
            .timeout(Deployment.SOON)
            .build();
    try (HttpClient http = HttpClient.newHttpClient();
        Stream<String> lines = http.send(events, HttpResponse.BodyHandlers.ofLines()).body()) {
      return lines.filter(line -> line.startsWith("data: ")).findFirst().orElseThrow();
    }
  }

  /** They are there before it is, so that it reads them as fast as it can. */
  @Test
  void aFloodOfHugeRecordsIsNoMoreThanItsMemoryHolds() throws Exception {
    byte[] huge = new byte[900_000];
    for (int i = 0; i < HUGE_RECORDS; i++) {
      for (Topic topic : List.of(Topic.ENSURE, Topic.ACTIVITY)) {
        deployment
            .agent()
            .send(
                new ProducerRecord<>(
                    deployment.topic(topic), Integer.toString(i).getBytes(UTF_8), huge));
      }
    }
    String worker = composition.start(deployment, "mem_limit: 384m");

    assertThat(deployment.agent().ensured(Deployment.newUser()).outcome())
        .isEqualTo(Ready.Outcome.CREATED);
    await("all of it is kept")
        .atMost(Duration.ofMinutes(5))
        .pollInterval(Duration.ofMillis(200))
        .until(() -> deployment.log().records(Topic.DEAD_LETTER).size() == 2 * HUGE_RECORDS);
    assertThat(deployment.log().records(Topic.DEAD_LETTER))
        .allSatisfy(record -> assertThat(record.serializedValueSize()).isEqualTo(huge.length));
    assertThat(deployment.host().inspect(worker).getRestartCount()).isZero();
  }

  @Test
  void withoutChownItSaysWhatIsMissing() throws Exception {
    composition.start(deployment, "cap_add: !override [FOWNER]");
    awaitPartitions();

    UserId user = Deployment.newUser();
    deployment.agent().ensure(user);
    Failed failed = deployment.log().awaitFailed(user);

    assertThat(failed.reason()).isEqualTo(Failed.Reason.WORKSPACE);
    assertThat(failed.message())
        .contains(user.toString(), "Operation not permitted", "CAP_CHOWN", "cap_add");
  }

  /** What a user may do to their own workspace, the worker has to undo. */
  @Test
  @InFullRuns("withoutChownItSaysWhatIsMissing")
  void withoutFownerItSaysWhatIsMissing() throws Exception {
    UserId user = Deployment.newUser();
    Path workspace = Files.createDirectory(deployment.workspaces().resolve(user.toString()));
    Files.setAttribute(workspace, "unix:uid", 1000);
    Files.setAttribute(workspace, "unix:gid", 1000);
    Files.setPosixFilePermissions(workspace, PosixFilePermissions.fromString("rwxr-xr-x"));
    composition.start(deployment, "cap_add: !override [CHOWN]");
    awaitPartitions();

    deployment.agent().ensure(user);
    Failed failed = deployment.log().awaitFailed(user);

    assertThat(failed.reason()).isEqualTo(Failed.Reason.WORKSPACE);
    assertThat(failed.message())
        .contains(user.toString(), "Operation not permitted", "CAP_FOWNER", "cap_add");
  }

  /** The worker is root, but without the right to open what belongs to others. */
  @Test
  void aWorkspaceThatItsUserClosedToOthersIsPrivateAgain() throws Exception {
    composition.start(deployment, "");
    for (String mode : List.of("rwxr-x---", "rwx--x--x", "---------")) {
      UserId user = Deployment.newUser();
      Path workspace = Files.createDirectory(deployment.workspaces().resolve(user.toString()));
      Files.setAttribute(workspace, "unix:uid", 1000);
      Files.setAttribute(workspace, "unix:gid", 1000);
      Files.setPosixFilePermissions(workspace, PosixFilePermissions.fromString(mode));

      assertWorkspaceIsUsed(deployment.agent().ensured(user));
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(workspace)))
          .as("after " + mode)
          .isEqualTo("rwx------");
    }
  }

  @Test
  void aWarmPoolNeedsSysAdminAndASharedRoot() throws Exception {
    deployment.with("ZCBOT_SANDBOX_WARM", "1");
    String worker = composition.start(deployment, "", WARM);
    awaitServing();
    awaitParked();
    assertCapabilities(worker, SYS_ADMIN_AND_IDS_ON_TOP);
    assertThat(check("warm-slots")).isEqualTo("ok");

    UserId user = Deployment.newUser();
    Ready ready = deployment.agent().ensured(user);
    assertThat(ready.outcome()).isEqualTo(Ready.Outcome.CLAIMED);
    assertWorkspaceIsUsed(ready);
    assertThat(deployment.agent().ensured(user).outcome()).isEqualTo(Ready.Outcome.REUSED);

    awaitParked(); // a slot that is being made would have to be finished in the time for all slots
    assertItStopsAsItShould(worker, user);
    assertThat(Mounts.beneath(deployment.workspaces()))
        .as("only the shared root is left")
        .hasSize(1);
  }

  /** The engine would not see a workspace that is mounted for a sandbox's user. */
  @Test
  @InFullRuns("aWarmPoolNeedsSysAdminAndASharedRoot")
  void whereTheWorkspaceRootIsNotSharedAllSandboxesAreOneUser() throws Exception {
    composition.start(
        deployment,
        "cap_add: [SYS_ADMIN, SETUID, SETGID]\nsecurity_opt: [\"apparmor=unconfined\"]");
    awaitServing();

    Ready ready = deployment.agent().ensured(Deployment.newUser());

    assertWorkspaceIsUsed(ready);
    assertThat(deployment.host().exec(ready.containerId(), "id", "-u").output()).isEqualTo("1000");
    assertThat(check("engine-sandbox-uids")).contains("no shared mount of the host");
  }

  /**
   * The switch from a plain worker to a warm one stops the old worker before the new one starts.
   */
  @Test
  @InFullRuns("aWarmPoolNeedsSysAdminAndASharedRoot")
  void aWarmWorkerReplacesAPlainOneThoughTheWorkspaceRootIsNotShared() throws Exception {
    composition.start(deployment, "");
    awaitServing();
    assertThat(Mounts.beneath(deployment.workspaces())).isEmpty();

    deployment.with("ZCBOT_SANDBOX_WARM", "1");
    composition.start(deployment, "", WARM);
    awaitServing();
    awaitParked();

    assertThat(deployment.agent().ensured(Deployment.newUser()).outcome())
        .isEqualTo(Ready.Outcome.CLAIMED);
  }

  @Test
  void aKilledWorkersSlotsAndMountsAreClearedAwayByTheNext() throws Exception {
    deployment.with("ZCBOT_SANDBOX_WARM", "1");
    String worker = composition.start(deployment, "", WARM);
    awaitServing();
    awaitParked();
    UserId user = Deployment.newUser();
    Ready before = deployment.agent().ensured(user);
    assertThat(before.outcome()).isEqualTo(Ready.Outcome.CLAIMED);
    assertWorkspaceIsUsed(before);
    // Else the ensure comes again, and is answered with what the next one is to get.
    await().atMost(Deployment.SOON).until(deployment.group()::isAllCommitted);

    // The engine starts it again, as compose.yaml says.
    ProcessHandle.of(
            Objects.requireNonNull(deployment.host().inspect(worker).getState().getPidLong()))
        .orElseThrow()
        .destroyForcibly();

    Reaped reaped = deployment.log().awaitReaped(user, Deployment.SOON);
    assertThat(reaped.reason()).isEqualTo(Reaped.Reason.PURGED);
    awaitServing();
    awaitParked();
    Ready after = deployment.agent().ensured(user);
    assertThat(after.outcome()).isEqualTo(Ready.Outcome.CLAIMED);
    assertThat(deployment.host().exec(after.containerId(), "cat", "hello").output()).isEqualTo("x");

    awaitParked(); // a slot that is being made would have to be finished in the time for all slots
    assertItStopsAsItShould(worker, user);
    assertThat(Mounts.beneath(deployment.workspaces()))
        .as("no user's is left, only the shared root and what the killed worker made of it")
        .hasSize(2)
        .noneMatch(line -> line.contains("/.slots/"));
  }

  private void awaitPartitions() {
    await("the worker's partitions")
        .atMost(Deployment.SOON)
        .ignoreExceptions() // there is no group at first
        .until(() -> !deployment.group().assignment().isEmpty());
  }

  private void awaitServing() {
    await("the worker serves")
        .atMost(Deployment.SOON)
        .pollInterval(Duration.ofMillis(200))
        .ignoreExceptions()
        .until(() -> deployment.ops().get("/health/ready").statusCode() == 200);
  }

  private void awaitParked() {
    await("a parked slot")
        .atMost(Deployment.SOON)
        .pollInterval(Duration.ofMillis(100))
        .until(() -> deployment.ops().metric("zcbot_slots_idle") == 1);
  }

  /** A check's status, and the reason if there is one. */
  private String check(String name) throws Exception {
    HttpResponse<String> answer = deployment.ops().get("/health/ready");
    var check = new JsonMapper().readTree(answer.body()).path("checks").path(name);
    return check.path("status").asText() + check.path("reason").asText();
  }

  private void assertWorkspaceIsUsed(Ready ready) throws Exception {
    assertThat(
            deployment.host().exec(ready.containerId(), "sh", "-c", "echo x > hello; pwd").output())
        .isEqualTo("/workspace");
    Path workspace = deployment.workspaces().resolve(ready.userId().toString());
    assertThat(workspace.resolve("hello")).hasContent("x\n");
    assertThat(Files.getAttribute(workspace, "unix:uid")).isEqualTo(1000);
  }

  private static Commands.Result inside(String container, String script) throws Exception {
    return Commands.tryRun("docker", "exec", container, "bash", "-c", script);
  }

  private static void assertCapabilities(String container, String bits) throws Exception {
    List<String> status =
        inside(container, "cat /proc/1/status").output().replace("\t", " ").lines().toList();
    assertThat(status)
        .contains(
            "CapInh: " + NONE,
            "CapPrm: " + bits,
            "CapEff: " + bits,
            "CapBnd: " + bits,
            "CapAmb: " + NONE,
            "NoNewPrivs: 1",
            "Seccomp: 2");
  }

  private void assertItStopsAsItShould(String worker, UserId user) throws Exception {
    composition.stop();
    deployment
        .log()
        .await(
            "the reaped of a stop",
            Deployment.SOON,
            () ->
                deployment.log().reaped(user).stream()
                    .anyMatch(reaped -> reaped.reason() == Reaped.Reason.SHUTDOWN));
    assertThat(deployment.host().inspect(worker).getState().getExitCodeLong()).isZero();
    assertThat(deployment.host().containers()).as("sandboxes and slots").isEmpty();
  }
}
