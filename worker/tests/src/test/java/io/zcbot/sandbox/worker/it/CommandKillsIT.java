/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.Rules;
import io.zcbot.sandbox.worker.testkit.InFullRuns;
import io.zcbot.sandbox.worker.testkit.deployment.CommandLedger;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.deployment.KafkaForTests;
import io.zcbot.sandbox.worker.testkit.deployment.TopicAudit;
import io.zcbot.sandbox.worker.testkit.deployment.WorkerProcess;
import io.zcbot.sandbox.worker.testkit.machine.Commands;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * A worker is killed at each step of a command, and the next one takes over. Every exec is answered
 * and no command runs twice, according to the files in the workspaces and to the audit.
 */
@Tag("engine")
@Tag("kafka")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Order(19)
class CommandKillsIT {
  private static final long SEED = Long.getLong("zcbot.kills.seed", System.nanoTime() & 0xffffff);
  private static final int ATTEMPTS = 10;
  private static final int ROUNDS = InFullRuns.THIS_ONE ? 6 : 1;

  private final Map<String, UserId> asked = new LinkedHashMap<>();
  private Deployment deployment;
  private WorkerProcess worker;

  @BeforeAll
  void deploy() throws Exception {
    deployment = new Deployment().withOps().with("ZCBOT_TOPICS_PARTITIONS", "1");
    deployment.createTopics();
    deployment.watch();
    start();
  }

  /** Makes the worker serve: a failed test leaves it dead or stopped. */
  @BeforeEach
  void serve() throws Exception {
    if (worker.isAlive()) {
      worker.thaw();
    } else {
      start();
    }
  }

  @AfterAll
  void leaveNothing() throws Exception {
    if (worker != null) {
      worker.close();
    }
    deployment.close();
  }

  private void start() throws Exception {
    worker = WorkerProcess.start(deployment, "a");
  }

  @AfterEach
  void judge() throws Exception {
    CommandLedger ledger = new CommandLedger();
    asked.forEach(ledger::asked);
    exits().forEach(ledger::answered);
    assertThat(ledger.unanswered()).isEmpty();
    assertThat(ledger.violations(CommandLedger.runs(deployment.workspaces()))).isEmpty();
    assertThat(
            new TopicAudit(
                    KafkaForTests.bootstrapServers(),
                    deployment.id() + ".",
                    deployment.partitions(),
                    Rules.DEFAULT)
                .violations())
        .isEmpty();
  }

  private Stream<Exited> exits() {
    return deployment.log().events().stream()
        .filter(Exited.class::isInstance)
        .map(Exited.class::cast);
  }

  /** Publishes an exec of a command that writes its line and then continues with the script. */
  private String publish(UserId user, String script, String fields) throws Exception {
    String id = "exec-" + asked.size();
    asked.put(id, user);
    deployment
        .agent()
        .exec(user, id, "'shell':'" + CommandLedger.script(id) + script + "'" + fields);
    return id;
  }

  private String publish(UserId user, String script) throws Exception {
    return publish(user, script, "");
  }

  /** Runs a command to its end. */
  private Exited run(UserId user) throws Exception {
    return deployment.log().awaitExited(publish(user, ""));
  }

  private Path workspace(UserId user) {
    return deployment.workspaces().resolve(user.toString());
  }

  private long runs(UserId user, String id) throws IOException {
    return CommandLedger.runsIn(workspace(user)).stream()
        .filter(run -> run.execId().equals(id))
        .count();
  }

  private void awaitRun(UserId user, String id) {
    await("run of " + id)
        .atMost(Deployment.SOON)
        .pollInterval(Duration.ofMillis(5))
        .until(() -> runs(user, id) == 1);
  }

  private boolean isEntered(String id) {
    return deployment.log().records(Topic.COMMANDS).stream()
        .anyMatch(record -> new String(record.key(), StandardCharsets.UTF_8).endsWith("/" + id));
  }

  private boolean isCommitted(String id) throws Exception {
    var exec = new TopicPartition(deployment.topic(Topic.EXEC), 0);
    var at =
        deployment
            .group()
            .admin()
            .listConsumerGroupOffsets(deployment.id() + "-commands")
            .partitionsToOffsetAndMetadata()
            .get(90, TimeUnit.SECONDS)
            .get(exec);
    long offset =
        deployment.log().records(Topic.EXEC).stream()
            .filter(r -> new String(r.value(), StandardCharsets.UTF_8).contains('"' + id + '"'))
            .findFirst()
            .orElseThrow()
            .offset();
    return at != null && at.offset() > offset;
  }

  private interface Step {
    String reach() throws Exception;
  }

  private interface Look {
    boolean isThere(String execId) throws Exception;
  }

  /**
   * Kills the worker while a command is at a step. The worker is stopped when the command should be
   * at that step, and continued if the log and the workspace show that the command is further.
   */
  private String killAt(Step step, Look look) throws Exception {
    for (int i = 0; i < ATTEMPTS; i++) {
      String id = step.reach();
      worker.freeze();
      awaitWhatItSaid();
      if (look.isThere(id)) {
        worker.kill();
        return id;
      }
      worker.thaw();
      deployment.log().awaitExited(id);
    }
    throw new AssertionError("the step was missed " + ATTEMPTS + " times");
  }

  /** Waits until all records are read that a worker sent before it was stopped. */
  private void awaitWhatItSaid() throws Exception {
    TimeUnit.SECONDS.sleep(1); // what is in a socket gets into the log by itself
    for (Topic topic : List.of(Topic.COMMANDS, Topic.EXITED)) {
      TopicPartition partition = new TopicPartition(deployment.topic(topic), 0);
      long end =
          deployment
              .group()
              .admin()
              .listOffsets(Map.of(partition, OffsetSpec.latest()))
              .partitionResult(partition)
              .get(90, TimeUnit.SECONDS)
              .offset();
      deployment
          .log()
          .await(
              "the end of " + topic,
              Deployment.SOON,
              () -> deployment.log().records(topic).size() >= end);
    }
  }

  @Test
  void aCommandWhoseSandboxIsBeingMadeRunsInTheNextOne() throws Exception {
    String id =
        killAt(
            () -> {
              UserId user = Deployment.newUser();
              String published = publish(user, "");
              await("a container")
                  .atMost(Deployment.SOON)
                  .pollInterval(Duration.ofMillis(5))
                  .until(() -> !deployment.host().containersOf(user).isEmpty());
              return published;
            },
            published -> !isEntered(published));
    start();
    assertThat(deployment.log().awaitExited(id).reason()).isEqualTo(Exited.Reason.EXITED);
    assertThat(deployment.log().exits(id)).hasSize(1);
    assertThat(runs(asked.get(id), id)).isEqualTo(1);
  }

  /**
   * At one kill: a command that is entered and does not start, because its runner is stopped; eight
   * that run; three that wait for those; and one that ended after the worker was stopped.
   */
  @Test
  void whatWasBegunIsLostAndWhatWaitedRunsInTheNextSandbox() throws Exception {
    UserId entering = Deployment.newUser();
    UserId busy = Deployment.newUser();
    UserId ending = Deployment.newUser();
    Ready ready = deployment.agent().ensured(entering);
    assertThat(run(entering).reason()).isEqualTo(Exited.Reason.EXITED); // its channel is open
    Commands.signal(deployment.host().inspect(ready.containerId()).getState().getPidLong(), "STOP");
    String entered = publish(entering, "", ",'timeout_seconds':600");
    deployment.log().await("entry of " + entered, Deployment.SOON, () -> isEntered(entered));
    List<String> running = new ArrayList<>();
    running.add(
        publish(
            busy,
            "; while sleep 0.05; do echo line; done",
            ",'stream':true,'timeout_seconds':600"));
    for (int i = 0; i < 7; i++) {
      running.add(publish(busy, "; sleep 600", ",'timeout_seconds':600"));
    }
    List<String> waiting = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      waiting.add(publish(busy, ""));
    }
    running.forEach(id -> awaitRun(busy, id));
    deployment
        .log()
        .await(
            "output",
            Deployment.SOON,
            () -> deployment.log().outputs(running.getFirst()).size() >= 3);
    String ended = killAt(() -> begunFor(ending), this::endsUntold);
    List<String> begun = new ArrayList<>(running);
    begun.add(entered);
    begun.add(ended);
    assertThat(begun).allSatisfy(id -> assertThat(deployment.log().exits(id)).isEmpty());
    start();
    for (String id : begun) {
      assertThat(deployment.log().awaitExited(id).reason()).isEqualTo(Exited.Reason.LOST);
      assertThat(deployment.log().exits(id)).hasSize(1);
    }
    assertThat(runs(entering, entered)).isZero();
    for (String id : waiting) {
      assertThat(deployment.log().awaitExited(id).reason()).isEqualTo(Exited.Reason.EXITED);
      assertThat(deployment.log().exits(id)).hasSize(1);
    }
  }

  /** Publishes an exec of a command that ends after a while, and waits until it runs. */
  private String begunFor(UserId user) throws Exception {
    String id = publish(user, "; sleep 5; touch /workspace/ended");
    awaitRun(user, id);
    return id;
  }

  /** Waits until the command ends; returns whether the log does not show that. */
  private boolean endsUntold(String id) throws Exception {
    Path ended = workspace(asked.get(id)).resolve("ended");
    await("end of " + id).atMost(Deployment.SOON).until(() -> Files.exists(ended));
    TimeUnit.MILLISECONDS.sleep(100);
    Files.delete(ended);
    return deployment.log().exits(id).isEmpty();
  }

  /** Offsets are committed once a second, so of two commands in a row the second one is not. */
  @Test
  void aCommandThatIsAnsweredAndNotCommittedIsNotRunAgain() throws Exception {
    UserId user = Deployment.newUser();
    deployment.agent().ensured(user);
    String id = killAt(() -> run(user).execId(), published -> !isCommitted(published));
    start();
    assertThat(run(user).reason()).isEqualTo(Exited.Reason.EXITED); // behind it in the log
    assertThat(deployment.log().exits(id).getFirst().reason()).isEqualTo(Exited.Reason.EXITED);
    assertThat(runs(user, id)).isEqualTo(1);
  }

  @Test
  void killsAtAnyMomentMakeNoCommandRunTwice() throws Exception {
    System.out.println("CommandKillsIT draws from -Dzcbot.kills.seed=" + SEED);
    Random random = new Random(SEED);
    List<UserId> users = Stream.generate(Deployment::newUser).limit(4).toList();
    List<String> scripts = List.of("", "", "", "; sleep 0.3", "; seq 1 1000");
    for (int round = 0; round < ROUNDS; round++) {
      for (UserId user : users) {
        assertThat(run(user).reason()).isEqualTo(Exited.Reason.EXITED);
      }
      int fatal = 10 + random.nextInt(40);
      for (int i = 0; i < 60; i++) {
        if (i == fatal) {
          worker.kill();
        }
        publish(
            users.get(random.nextInt(users.size())),
            scripts.get(random.nextInt(scripts.size())),
            random.nextInt(4) == 0 ? ",'stream':true" : "");
        TimeUnit.MICROSECONDS.sleep(random.nextInt(8_000));
      }
      start();
    }
    asked.keySet().forEach(deployment.log()::awaitExited);
  }
}
