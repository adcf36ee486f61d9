/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.deployment.KafkaForTests;
import io.zcbot.sandbox.worker.testkit.deployment.WorkerProcess;
import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.parallel.Isolated;
import org.testcontainers.kafka.KafkaContainer;

/** Commands that write far too much, with a worker that has the packaged memory limits. */
@Tag("engine")
@Tag("kafka")
@Isolated("it measures a worker's memory and uses the processors up")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class CommandFloodsIT {
  private static final long GROWTH = 48L << 20;
  private static final Duration FLOOD = Duration.ofMinutes(2);

  private KafkaContainer kafka;
  private Deployment deployment;
  private WorkerProcess worker;

  @BeforeAll
  void deploy() throws Exception {
    // A pause within it takes no partitions away.
    kafka =
        KafkaForTests.create()
            .withEnv("KAFKA_GROUP_CONSUMER_SESSION_TIMEOUT_MS", "30000")
            .withEnv("KAFKA_GROUP_CONSUMER_HEARTBEAT_INTERVAL_MS", "3000");
    kafka.start();
    deployment = new Deployment(kafka.getBootstrapServers()).withOps();
    deployment.createTopics();
    deployment.watch();
    worker = WorkerProcess.start(deployment, "a");
  }

  @AfterAll
  void leaveNothing() throws Exception {
    try {
      if (worker != null) {
        worker.close();
      }
      if (deployment != null) {
        deployment.close();
      }
    } finally {
      kafka.stop();
    }
  }

  private Exited awaitEnd(String id) {
    deployment.log().await("end of " + id, FLOOD, () -> !deployment.log().exits(id).isEmpty());
    Exited exited = deployment.log().exits(id).getFirst();
    assertThat(exited.reason())
        .as(String.valueOf(exited.message()))
        .isEqualTo(Exited.Reason.EXITED);
    assertThat(exited.exitCode()).isZero();
    return exited;
  }

  /**
   * Loads the code and lets the heap grow to its size, so that one-time needs do not count as
   * growth.
   */
  private void warmUp(UserId user) throws Exception {
    deployment.agent().exec(user, "warm-" + user, "'command':['head','-c','32M','/dev/zero']");
    deployment
        .agent()
        .exec(
            user,
            "warm-stream-" + user,
            "'command':['head','-c','32M','/dev/zero'],'stream':true,'max_output_bytes':8388608");
    awaitEnd("warm-" + user);
    awaitEnd("warm-stream-" + user);
  }

  /** The worker's maximum memory, sampled until it is closed. */
  private final class Watch implements AutoCloseable {
    private final AtomicBoolean over = new AtomicBoolean();
    private final Thread thread;
    private volatile long most;

    Watch() throws Exception {
      most = worker.residentBytes();
      thread = Thread.ofVirtual().start(this::look);
    }

    private void look() {
      try {
        while (!over.get()) {
          most = Math.max(most, worker.residentBytes());
          TimeUnit.MILLISECONDS.sleep(50);
        }
      } catch (Exception e) {
        most = Long.MAX_VALUE;
      }
    }

    long most() throws InterruptedException {
      close();
      thread.join();
      return most;
    }

    @Override
    public void close() {
      over.set(true);
    }
  }

  @Test
  @Order(1)
  void whatIsBeyondTheBoundDoesNotReachTheWorker() throws Exception {
    UserId user = deployment.newUserOf(0);
    warmUp(user);
    for (String stream : List.of("", ",'stream':true")) {
      String id = "discarded" + stream.length();
      long before = worker.bytesRead();
      deployment
          .agent()
          .exec(
              user,
              id,
              "'shell':'head -c 100M /dev/zero; head -c 1M /dev/zero >&2; exit 7','max_output_bytes':4096"
                  + stream);
      deployment.log().await("its end", FLOOD, () -> !deployment.log().exits(id).isEmpty());
      long read = worker.bytesRead() - before;
      Exited exited = deployment.log().exits(id).getFirst();
      System.out.printf("100 MiB behind 4 KiB: %d ms, %d KiB read%n", exited.tookMs(), read >> 10);
      assertThat(exited.exitCode()).isEqualTo(7);
      assertThat(exited.truncated()).isTrue();
      byte[] kept =
          stream.isEmpty()
              ? Objects.requireNonNull(exited.stdout()).toByteArray()
              : text(exited, false);
      assertThat(Arrays.equals(kept, new byte[4096])).isTrue();
      assertThat(read).isLessThan(4 << 20);
    }
  }

  @Test
  @Order(2)
  void halfAGibibyteOfOutputNeedsNoMemoryAndHoldsUpNobody() throws Exception {
    UserId keeping = deployment.newUserOf(0);
    UserId streaming = deployment.newUserOf(0);
    UserId other = deployment.newUserOf(0);
    for (UserId user : List.of(keeping, streaming, other)) {
      warmUp(user);
    }
    long before = worker.residentBytes();
    long most;
    List<Long> times = new ArrayList<>();
    try (Watch watch = new Watch()) {
      deployment
          .agent()
          .exec(
              keeping, "kept", "'command':['head','-c','512M','/dev/zero'],'timeout_seconds':110");
      deployment
          .agent()
          .exec(
              streaming,
              "streamed",
              "'command':['head','-c','512M','/dev/zero'],'timeout_seconds':110,'stream':true,"
                  + "'max_output_bytes':16777216");
      for (int i = 0; i == 0 || deployment.log().exits("streamed").isEmpty(); i++) {
        long begun = System.nanoTime();
        deployment.agent().ensure(other, "hot-" + i);
        Ready ready = (Ready) deployment.log().awaitAnswer("hot-" + i, Deployment.SOON);
        assertThat(ready.outcome()).isEqualTo(Ready.Outcome.REUSED);
        times.add((System.nanoTime() - begun) / 1_000_000);
        TimeUnit.MILLISECONDS.sleep(100);
      }
      awaitEnd("streamed");
      most = watch.most();
    }
    Exited kept = awaitEnd("kept");
    Exited streamed = awaitEnd("streamed");
    times.sort(null);
    System.out.printf(
        "512 MiB kept in %d ms, streamed in %d ms; worker %d MiB, then at most %d MiB; %d hot ensures, p50 %d ms, most %d ms%n",
        kept.tookMs(),
        streamed.tookMs(),
        before >> 20,
        most >> 20,
        times.size(),
        times.get(times.size() / 2),
        times.getLast());
    assertThat(kept.truncated()).isTrue();
    assertThat(Objects.requireNonNull(kept.stdout()).length()).isEqualTo(256 << 10);
    assertThat(streamed.truncated()).isTrue();
    assertThat(Arrays.equals(text(streamed, false), new byte[16 << 20])).isTrue();
    assertThat(times.get(times.size() / 2)).as("hot ensures, in ms").isLessThan(5_000);
    assertThat(most - before).as("growth in bytes").isLessThan(GROWTH);
    assertThat(worker.isAlive()).isTrue();
  }

  /**
   * Everything that a command streamed, in order and without gaps. Output that the broker did not
   * acknowledge in time may be there twice.
   */
  private byte[] text(Exited exited, boolean repeated) throws Exception {
    // Topics are read one after another, and the last output may come after the answer.
    deployment
        .log()
        .await(
            "all output of " + exited.execId(),
            Deployment.SOON,
            () ->
                deployment.log().outputs(exited.execId()).stream()
                    .anyMatch(output -> output.seq() == exited.outputCount() - 1));
    List<Output> outputs = deployment.log().outputs(exited.execId());
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    long next = 0;
    for (Output output : outputs) {
      if (repeated && output.seq() < next) {
        continue;
      }
      assertThat(output.seq()).isEqualTo(next);
      all.writeBytes(output.data().toByteArray());
      next++;
    }
    assertThat(exited.outputCount()).isEqualTo(next);
    return all.toByteArray();
  }

  @Test
  @Order(3)
  void floodsWaitForABrokerThatHangs() throws Exception {
    List<UserId> users = List.of(Deployment.newUser(), Deployment.newUser(), Deployment.newUser());
    for (UserId user : users) {
      warmUp(user);
    }
    long before = worker.residentBytes();
    long most;
    List<String> floods = new ArrayList<>();
    try (Watch watch = new Watch()) {
      for (UserId user : users) {
        for (int i = 0; i < 4; i++) {
          String id = "flood-" + user + "-" + i;
          floods.add(id);
          deployment
              .agent()
              .exec(
                  user,
                  id,
                  "'shell':'echo begun; until [ -e go ]; do sleep 0.1; done; seq 1 400000',"
                      + "'timeout_seconds':200,"
                      + "'stream':true,'max_output_bytes':2000000");
        }
      }
      deployment
          .log()
          .await(
              "first outputs",
              Deployment.SOON,
              () -> floods.stream().noneMatch(id -> deployment.log().outputs(id).isEmpty()));
      KafkaForTests.freeze(kafka);
      try {
        for (UserId user : users) {
          Files.createFile(deployment.workspaces().resolve(user.toString()).resolve("go"));
        }
        TimeUnit.SECONDS.sleep(5);
        for (String id : floods) {
          assertThat(deployment.log().exits(id)).isEmpty();
        }
      } finally {
        KafkaForTests.thaw(kafka);
      }
      for (String id : floods) {
        awaitEnd(id);
      }
      most = watch.most();
    }
    System.out.printf(
        "12 floods at a broker that hangs; worker %d MiB, then at most %d MiB%n",
        before >> 20, most >> 20);
    StringBuilder expected = new StringBuilder("begun\n");
    for (int i = 1; expected.length() < 2_000_000; i++) {
      expected.append(i).append('\n');
    }
    expected.setLength(2_000_000);
    for (String id : floods) {
      Exited exited = awaitEnd(id);
      assertThat(exited.truncated()).isTrue();
      assertThat(new String(text(exited, true), UTF_8).contentEquals(expected)).as(id).isTrue();
    }
    assertThat(most - before).as("growth in bytes").isLessThan(GROWTH);
    assertThat(worker.isAlive()).isTrue();
    deployment.agent().ensured(users.getFirst());
  }
}
