/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Started;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.deployment.AgentService;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.machine.EngineProxy;
import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** Agents run commands in their users' sandboxes with only a Kafka client. */
@Tag("engine")
@Tag("kafka")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Order(17)
class CommandsOnTheLogIT {
  private Deployment deployment;
  private int ids;

  @BeforeAll
  void deploy() throws Exception {
    deployment = new Deployment();
    deployment.start("a");
  }

  @AfterAll
  void leaveNothing() throws Exception {
    deployment.close();
  }

  private synchronized String newId() {
    return "exec-" + ++ids;
  }

  /** Runs a command to its end. */
  private Exited run(UserId user, String fields) throws Exception {
    return deployment.log().awaitExited(publish(user, fields));
  }

  private String publish(UserId user, String fields) throws Exception {
    String id = newId();
    deployment.agent().exec(user, id, fields);
    return id;
  }

  /**
   * When the worker published the first record of a topic with this id. The order in which two
   * topics are read means nothing.
   */
  private long publishedAt(Topic topic, String id) {
    return deployment.log().records(topic).stream()
        .filter(record -> new String(record.value(), UTF_8).contains('"' + id + '"'))
        .findFirst()
        .orElseThrow()
        .timestamp();
  }

  private static String text(Exited exited) {
    return Objects.requireNonNull(Objects.requireNonNull(exited.stdout()).text());
  }

  private Path file(Ready ready, String name) {
    return Path.of(ready.environment().workspace(), name);
  }

  @Test
  void anExecMakesTheSandboxAndIsAnsweredWithItsOutput() throws Exception {
    UserId user = Deployment.newUser();
    String id = publish(user, "'command':['python3','-c','print(6*7)']");
    Exited exited = deployment.log().awaitExited(id);
    assertThat(exited.reason())
        .as(String.valueOf(exited.message()))
        .isEqualTo(Exited.Reason.EXITED);
    assertThat(exited.exitCode()).isZero();
    assertThat(text(exited)).isEqualTo("42\n");
    assertThat(exited.truncated()).isFalse();
    Ready ready = deployment.log().awaitReady(user, 1);
    assertThat(ready.ensureId()).isEqualTo(id);
    assertThat(Objects.requireNonNull(exited.container()).id()).isEqualTo(ready.containerId());
    assertThat(publishedAt(Topic.EXITED, id)).isGreaterThanOrEqualTo(publishedAt(Topic.READY, id));

    Exited next = run(user, "'shell':'id -un; pwd; exit 3'");
    assertThat(text(next)).isEqualTo("sandbox\n/workspace\n");
    assertThat(next.exitCode()).isEqualTo(3);
    assertThat(Objects.requireNonNull(next.container()).id()).isEqualTo(ready.containerId());
    assertThat(deployment.log().readies(user)).hasSize(1);
  }

  /** Its workers make no spans. */
  @Test
  void allAnswersHaveTheTraceOfTheirExec() throws Exception {
    UserId user = Deployment.newUser();
    String id = newId();
    ProducerRecord<byte[], byte[]> exec =
        deployment
            .agent()
            .record(
                Topic.EXEC,
                null,
                user,
                AgentService.json(
                    user, "'event_id':'" + id + "','shell':'echo out','stream':true"));
    exec.headers()
        .add(
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00".getBytes(UTF_8))
        .add("tracestate", "vendor=1".getBytes(UTF_8))
        .add("baggage", "tenant=blue".getBytes(UTF_8));
    deployment.agent().send(exec);
    deployment.log().awaitExited(id);
    await().atMost(Deployment.SOON).until(() -> !deployment.log().outputs(id).isEmpty());
    for (Topic topic : List.of(Topic.READY, Topic.OUTPUT, Topic.EXITED)) {
      assertThat(deployment.log().records(topic))
          .filteredOn(answer -> new String(answer.key(), UTF_8).equals(user.toString()))
          .singleElement()
          .satisfies(
              answer -> assertThat(answer.headers().toArray()).contains(exec.headers().toArray()));
    }
  }

  @Test
  void commandsStartInTheOrderOfTheLogAndEightRunAtOnce() throws Exception {
    UserId user = Deployment.newUser();
    List<String> published = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      published.add(publish(user, "'command':['sleep','3']"));
    }
    List<Exited> exits = published.stream().map(deployment.log()::awaitExited).toList();
    assertThat(exits).allMatch(exited -> exited.reason() == Exited.Reason.EXITED);
    assertThat(exits).extracting(Exited::startedAt).isSorted();
    int most = 0;
    for (Exited each : exits) {
      Instant began = Objects.requireNonNull(each.startedAt());
      long running =
          exits.stream()
              .filter(
                  other ->
                      !Objects.requireNonNull(other.startedAt()).isAfter(began)
                          && other.startedAt().plusMillis(other.tookMs()).isAfter(began))
              .count();
      most = (int) Math.max(most, running);
    }
    assertThat(most).isBetween(6, 8);
  }

  @Test
  void streamedOutputIsCompleteAndInOrder() throws Exception {
    UserId user = Deployment.newUser();
    String id =
        publish(
            user, "'shell':'seq 1 100000; echo done >&2','stream':true,'max_output_bytes':2000000");
    Exited exited = deployment.log().awaitExited(id);
    // They are in another topic, and may be read later.
    await()
        .atMost(Deployment.SOON)
        .until(() -> deployment.log().outputs(id).size() >= exited.outputCount());
    List<Output> outputs = deployment.log().outputs(id);
    assertThat(exited.reason()).isEqualTo(Exited.Reason.EXITED);
    assertThat(exited.stdout()).isNull();
    assertThat(exited.truncated()).isFalse();
    assertThat(exited.outputCount()).isEqualTo(outputs.size());
    assertThat(outputs)
        .extracting(Output::seq)
        .containsExactlyElementsOf(
            IntStream.range(0, outputs.size()).mapToObj(i -> (long) i).toList());
    StringBuilder expected = new StringBuilder();
    IntStream.rangeClosed(1, 100_000).forEach(i -> expected.append(i).append('\n'));
    assertThat(joined(outputs, "stdout")).isEqualTo(expected.toString());
    assertThat(joined(outputs, "stderr")).isEqualTo("done\n");
  }

  /** By its process id, another command of the user can signal it. */
  @Test
  void aStartIsAnnouncedWithTheProcessIdIfTheExecAsksForThat() throws Exception {
    UserId user = Deployment.newUser();
    String id = publish(user, "'shell':'echo $$; sleep 600','stream':true,'announce_start':true");
    await().atMost(Deployment.SOON).until(() -> !deployment.log().outputs(id).isEmpty());
    await().atMost(Deployment.SOON).until(() -> !deployment.log().starts(id).isEmpty());
    Started started = deployment.log().starts(id).getFirst();
    assertThat(joined(deployment.log().outputs(id), "stdout")).isEqualTo(started.pid() + "\n");
    assertThat(publishedAt(Topic.STARTED, id)).isLessThanOrEqualTo(publishedAt(Topic.OUTPUT, id));
    Exited killing =
        run(user, "'shell':'kill -0 %1$d && kill -KILL %1$d'".formatted(started.pid()));
    assertThat(killing.exitCode()).isZero();
    Exited exited = deployment.log().awaitExited(id);
    assertThat(exited.reason()).isEqualTo(Exited.Reason.SIGNALLED);
    assertThat(exited.startedAt()).isEqualTo(started.startedAt());
    assertThat(exited.container()).isEqualTo(started.container());
    assertThat(deployment.log().starts(id)).hasSize(1);
    assertThat(deployment.log().starts(killing.execId())).as("not asked for").isEmpty();
  }

  private static String joined(List<Output> outputs, String stream) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    outputs.stream()
        .filter(output -> output.stream().wire().equals(stream))
        .forEach(output -> all.writeBytes(output.data().toByteArray()));
    return all.toString(UTF_8);
  }

  @Test
  void inputThatIsPublishedRightBehindTheExecReachesIt() throws Exception {
    assertThat(digestOf(50, "'command':['sha256sum'],'input':true")).isTrue();
  }

  /** More than is buffered for a command that reads late. */
  @Test
  void inputOfACommandThatReadsLateIsComplete() throws Exception {
    assertThat(digestOf(150, "'shell':'sleep 2; sha256sum','input':true")).isTrue();
  }

  private boolean digestOf(int records, String fields) throws Exception {
    UserId user = Deployment.newUser();
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    Random random = new Random(records);
    byte[] bytes = new byte[60_000];
    String id = publish(user, fields);
    for (int i = 0; i < records; i++) {
      random.nextBytes(bytes);
      digest.update(bytes);
      deployment
          .agent()
          .inputLater(
              user, id, "'data_base64':'" + Base64.getEncoder().encodeToString(bytes) + "'");
    }
    deployment.agent().inputLater(user, id, "'eof':true");
    Exited exited = deployment.log().awaitExited(id);
    assertThat(exited.reason())
        .as(String.valueOf(exited.message()))
        .isEqualTo(Exited.Reason.EXITED);
    return text(exited).startsWith(HexFormat.of().formatHex(digest.digest()));
  }

  @Test
  void aSignalEndsACommand() throws Exception {
    UserId user = Deployment.newUser();
    String id = publish(user, "'command':['sleep','600'],'timeout_seconds':600");
    deployment.agent().inputLater(user, id, "'signal':'INT'");
    Exited exited = deployment.log().awaitExited(id);
    assertThat(exited.reason()).isEqualTo(Exited.Reason.SIGNALLED);
    assertThat(exited.signal()).isEqualTo(2);
  }

  @Test
  void aCommandWithATerminalSeesItsSize() throws Exception {
    Exited exited =
        run(Deployment.newUser(), "'command':['stty','size'],'tty':{'columns':100,'rows':30}");
    assertThat(text(exited)).isEqualTo("30 100\r\n");
  }

  @Test
  void atItsTimeoutTheWholeTreeGoes() throws Exception {
    UserId user = Deployment.newUser();
    Exited exited =
        run(user, "'shell':'setsid sleep 200 & echo begun; sleep 200','timeout_seconds':10");
    assertThat(exited.reason()).isEqualTo(Exited.Reason.TIMEOUT);
    assertThat(exited.survivors()).isZero();
    assertThat(text(exited)).isEqualTo("begun\n");
    String sleepers = "'shell':'grep -lx sleep /proc/[0-9]*/comm 2>/dev/null | wc -l'";
    assertThat(text(run(user, sleepers))).isEqualTo("0\n");
    assertThat(text(run(user, sleepers.replace("grep", "sleep 60 & sleep 2; grep"))))
        .isEqualTo("1\n");
  }

  @Test
  void anExecThatIsTooLateIsAnsweredExpired() throws Exception {
    UserId user = Deployment.newUser();
    Exited exited = run(user, "'command':['true'],'expires_at':'2020-01-01T00:00:00Z'");
    assertThat(exited.reason()).isEqualTo(Exited.Reason.EXPIRED);
    assertThat(deployment.log().readies(user)).isEmpty();
  }

  @Test
  void anExecThatAsksForNoSandboxMakesNone() throws Exception {
    UserId user = Deployment.newUser();
    Exited exited = run(user, "'command':['true'],'ensure':false");
    assertThat(exited.reason()).isEqualTo(Exited.Reason.NO_SANDBOX);
    assertThat(deployment.host().containersOf(user)).isEmpty();
  }

  @Test
  void aProgramThatDoesNotExistIsAnsweredFailed() throws Exception {
    Exited exited = run(Deployment.newUser(), "'command':['no-such-program']");
    assertThat(exited.reason()).isEqualTo(Exited.Reason.FAILED);
    assertThat(exited.exitCode()).isEqualTo(127);
  }

  @Test
  void whatAgentsCommandsExpectIsInTheImage() throws Exception {
    Exited exited =
        run(
            Deployment.newUser(),
            "'shell':'type jq less ps unzip zip tree file rg git curl pip >/dev/null;"
                + " python3 -c \\\"import requests, venv\\\"; ps -o comm= -p $$;"
                + " echo [6,7] | jq .[1]; node -p 6*7'");
    assertThat(exited.stderr()).isEqualTo(Data.EMPTY);
    assertThat(text(exited)).isEqualTo("bash\n7\n42\n");
  }

  @Test
  void thatMemoryWasUsedUpIsAnswered() throws Exception {
    UserId user = Deployment.newUser();
    Exited exited = run(user, "'command':['python3','-c','[0]*(1<<31)']");
    assertThat(exited.reason()).isEqualTo(Exited.Reason.SIGNALLED);
    assertThat(exited.signal()).isEqualTo(9);
    assertThat(exited.oomKilled()).isTrue();
    assertThat(exited.memoryLimit()).isGreaterThan(64L << 20);
    assertThat(exited.message())
        .contains((Objects.requireNonNull(exited.memoryLimit()) >> 20) + " MiB was used up");
    assertThat(run(user, "'command':['true']").oomKilled()).isFalse();
  }

  /** The first command that finds no room is refused at once, and the next one makes room. */
  @Test
  void aFloodThatOutlivesItsCommandDoesNotDisableTheSandbox() throws Exception {
    UserId user = Deployment.newUser();
    String flood =
        "import os,sys,time\\n"
            + "if os.fork(): os._exit(0)\\n"
            + "os.setsid()\\n"
            + "while True:\\n"
            + "  try:\\n"
            + "    if os.fork() == 0: os.execvp(sys.argv[1],sys.argv[1:])\\n"
            + "  except OSError: time.sleep(0.0001)";
    assertThat(run(user, "'command':['python3','-c','" + flood + "','sleep','600']").exitCode())
        .isZero();
    await().until(() -> run(user, "'command':['true']").reason() != Exited.Reason.EXITED);
    String id = "exec-" + ids;
    Exited refused = deployment.log().awaitExited(id);
    assertThat(refused.reason()).isEqualTo(Exited.Reason.FAILED);
    assertThat(refused.retryable()).as("the caller waits for no retries").isFalse();
    assertThat(refused.message()).contains("as many processes", "release the sandbox");
    assertThat(run(user, "'command':['true']").exitCode()).isZero();
    assertThat(deployment.log().readies(user)).hasSize(1);
  }

  @Test
  void tooManyAreRejectedAndAReleaseEndsTheOthersWithTheSandbox() throws Exception {
    UserId user = Deployment.newUser();
    deployment.agent().ensured(user);
    List<String> published = new ArrayList<>();
    for (int i = 0; i < 75; i++) {
      published.add(publish(user, "'command':['sleep','600'],'timeout_seconds':600"));
    }
    for (String rejected : published.subList(72, 75)) {
      Exited exited = deployment.log().awaitExited(rejected);
      assertThat(exited.reason()).isEqualTo(Exited.Reason.REJECTED);
      assertThat(exited.retryable()).isTrue();
    }
    deployment.agent().release(user);
    assertThat(deployment.log().awaitReaped(user, Deployment.SOON).reason())
        .isEqualTo(Reaped.Reason.REQUESTED);
    for (String gone : published.subList(0, 72)) {
      assertThat(deployment.log().awaitExited(gone).reason()).isEqualTo(Exited.Reason.SANDBOX_GONE);
    }
    assertThat(publishedAt(Topic.REAPED, user.toString()))
        .as("reaped is announced behind the answers of commands that ran")
        .isGreaterThanOrEqualTo(publishedAt(Topic.EXITED, published.getFirst()));
  }

  @Test
  void aSecondRecordWithTheSameIdIsNotRunAgain() throws Exception {
    UserId user = Deployment.newUser();
    Ready ready = deployment.agent().ensured(user);
    String id = newId();
    String fields = "'shell':'echo line >> /workspace/runs; sleep 0.5'";
    deployment.agent().exec(user, id, fields);
    deployment.agent().exec(user, id, fields);
    deployment.log().awaitExited(id);
    deployment.agent().exec(user, id, fields);
    run(user, "'command':['true']");
    assertThat(Files.readAllLines(file(ready, "runs"))).hasSize(1);
    assertThat(deployment.log().exits(id)).hasSize(1);
  }

  @Test
  void anExecInTheWrongPartitionRunsInItsUsersSandbox() throws Exception {
    UserId user = deployment.newUserOf(1);
    String id = newId();
    deployment
        .agent()
        .send(
            Topic.EXEC,
            2,
            user,
            AgentService.json(user, "'event_id':'" + id + "','shell':'cat','input':true"));
    for (String input : List.of("'data':'hello'", "'eof':true")) {
      deployment
          .agent()
          .send(Topic.INPUT, 3, user, AgentService.json(user, "'exec_id':'" + id + "'," + input));
    }
    assertThat(text(deployment.log().awaitExited(id))).isEqualTo("hello");
  }

  @Test
  void whatIsNoValidExecBecomesADeadLetter() throws Exception {
    UserId user = Deployment.newUser();
    int before = deployment.log().records(Topic.DEAD_LETTER).size();
    publish(user, "'command':['true'],'shell':'true'");
    publish(user, "'command':['true'],'timeout_seconds':-1");
    deployment.agent().inputLater(user, "exec", "'data':'a','eof':true");
    deployment
        .log()
        .await(
            "3 dead letters",
            Deployment.SOON,
            () -> deployment.log().records(Topic.DEAD_LETTER).size() == before + 3);
  }

  @Test
  void execsAreCommittedWhileTheirCommandsRun() throws Exception {
    UserId user = Deployment.newUser();
    String id = publish(user, "'command':['sleep','600'],'timeout_seconds':600");
    String group = deployment.id() + "-commands";
    await()
        .atMost(Deployment.SOON)
        .until(
            () ->
                deployment
                    .group()
                    .admin()
                    .listConsumerGroupOffsets(group)
                    .partitionsToOffsetAndMetadata()
                    .get()
                    .entrySet()
                    .stream()
                    .anyMatch(
                        entry ->
                            entry.getKey().topic().equals(deployment.topic(Topic.EXEC))
                                && entry.getKey().partition() == deployment.partitionOf(user)
                                && entry.getValue().offset() > 0));
    assertThat(deployment.log().exits(id)).isEmpty();
    deployment.agent().inputLater(user, id, "'signal':'KILL'");
    assertThat(deployment.log().awaitExited(id).signal()).isEqualTo(9);
  }

  @Test
  void commandsOfUsersThatMoveEndWithTheirSandboxesAndTheNextWorkerRunsOn() throws Exception {
    try (Deployment own = new Deployment()) {
      own.start("a");
      List<UserId> users = IntStream.range(0, 4).mapToObj(own::newUserOf).toList();
      for (UserId user : users) {
        own.agent().exec(user, "runs " + user, "'command':['sleep','600'],'timeout_seconds':600");
        own.log().awaitReady(user, 1);
      }
      own.start("b");
      Set<Integer> movedTo = own.group().assignment().get(own.workerId("b"));
      List<UserId> moved =
          users.stream().filter(user -> movedTo.contains(own.partitionOf(user))).toList();
      assertThat(moved).hasSize(2);
      for (UserId user : moved) {
        assertThat(own.log().awaitExited("runs " + user).reason())
            .isEqualTo(Exited.Reason.SANDBOX_GONE);
        assertThat(own.log().awaitReaped(user, Deployment.SOON).reason())
            .isEqualTo(Reaped.Reason.MOVED);
        own.agent().exec(user, "next " + user, "'command':['cat'],'input':true");
        own.agent().inputLater(user, "next " + user, "'data':'hello'");
        own.agent().inputLater(user, "next " + user, "'eof':true");
        Exited next = own.log().awaitExited("next " + user);
        assertThat(text(next)).isEqualTo("hello");
        assertThat(Objects.requireNonNull(next.container()).host()).isEqualTo("b");
        assertThat(own.log().exits("runs " + user)).hasSize(1);
      }
      for (UserId user : users) {
        if (!moved.contains(user)) {
          assertThat(own.log().exits("runs " + user)).isEmpty();
        }
      }
    }
  }

  @Test
  void aWorkerThatRunsNoCommandsRejectsThem() throws Exception {
    try (Deployment own = new Deployment().with("ZCBOT_COMMANDS", "off")) {
      own.start("a");
      UserId user = Deployment.newUser();
      own.agent().exec(user, "one", "'command':['true']");
      Exited exited = own.log().awaitExited("one");
      assertThat(exited.reason()).isEqualTo(Exited.Reason.REJECTED);
      assertThat(exited.retryable()).isFalse();
      assertThat(own.host().containersOf(user)).isEmpty();
    }
  }

  @Test
  void theEngineStartsTheRunnerWhereItIsAskedTo() throws Exception {
    try (Deployment own = new Deployment().with("ZCBOT_COMMANDS", "engine")) {
      own.start("a");
      UserId user = Deployment.newUser();
      own.agent().exec(user, "one", "'command':['echo','hello']");
      assertThat(text(own.log().awaitExited("one"))).isEqualTo("hello\n");
      own.agent().exec(user, "two", "'shell':'sleep 100','timeout_seconds':1");
      assertThat(own.log().awaitExited("two").reason()).isEqualTo(Exited.Reason.TIMEOUT);
      assertThat(own.log().awaitReady(user, 1).ensureId()).isEqualTo("one");
    }
  }

  @Test
  void whereASandboxDiedUnnoticedTheNextCommandGetsAnother() throws Exception {
    try (EngineProxy proxy = new EngineProxy();
        Deployment own =
            new Deployment()
                .withEngineAt(proxy.address())
                .with("ZCBOT_RECONCILE_INTERVAL", "10m")) {
      proxy.replace("\"Action\":\"die\"", "\"Action\":\"non\"");
      own.start("a");
      UserId user = Deployment.newUser();
      own.agent().exec(user, "before", "'command':['true']");
      own.log().awaitExited("before");
      Ready dead = own.log().awaitReady(user, 1);
      own.host().docker().killContainerCmd(dead.containerId()).exec();
      TimeUnit.SECONDS.sleep(5); // the worker sees its channel end

      own.agent().exec(user, "after", "'command':['echo','hello']");

      Exited exited = own.log().awaitExited("after");
      assertThat(exited.reason())
          .as(String.valueOf(exited.message()))
          .isEqualTo(Exited.Reason.EXITED);
      assertThat(text(exited)).isEqualTo("hello\n");
      assertThat(Objects.requireNonNull(exited.container()).id()).isNotEqualTo(dead.containerId());
      Reaped reaped = own.log().awaitReaped(user, Deployment.SOON);
      assertThat(reaped.reason()).isEqualTo(Reaped.Reason.DIED);
      assertThat(reaped.containerId()).isEqualTo(dead.containerId());
    }
  }
}
