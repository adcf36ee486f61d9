/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.Worker;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.deployment.WorkerProcess;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Whatever somebody writes to the live table, what runs here stays, and nothing false is said. */
@Tag("engine")
@Tag("kafka")
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@Order(12)
class HostileLiveTableIT {
  private final EventCodec codec = new EventCodec();
  private Deployment deployment;
  private final List<Ready> running = new ArrayList<>();

  @BeforeEach
  void aWorkerThatStoppedAndLeftItsSandboxesRunning() throws Exception {
    deployment = new Deployment().with("ZCBOT_RESTART", "adopt");
    Worker worker = deployment.start("a");
    for (int i = 0; i < 4; i++) {
      running.add(deployment.agent().ensured(deployment.newUserOf(i % deployment.partitions())));
    }
    deployment.stop(worker);
  }

  @AfterEach
  void leaveNothing() throws Exception {
    deployment.close();
  }

  private void write(UserId user, String containerId, @Nullable LiveSandbox entry)
      throws Exception {
    deployment
        .agent()
        .send(
            new ProducerRecord<>(
                deployment.topic(Topic.LIVE),
                deployment.home(user),
                codec.liveKey(user, containerId),
                entry == null ? null : codec.encodeLive(entry)));
  }

  private void assertAllStayAndAreListed() throws Exception {
    for (Ready ready : running) {
      assertThat(deployment.host().isRunning(ready.containerId())).isTrue();
      assertThat(deployment.log().reaped(ready.userId())).isEmpty();
      assertThat(deployment.agent().ensured(ready.userId()).containerId())
          .isEqualTo(ready.containerId());
      await("entry of " + ready.userId())
          .atMost(Deployment.SOON)
          .untilAsserted(() -> assertThat(lastEntry(ready)).isNotNull());
    }
  }

  private byte @Nullable [] lastEntry(Ready ready) {
    String key = ready.userId() + "/" + ready.containerId();
    return deployment.log().records(Topic.LIVE).stream()
        .filter(record -> key.equals(new String(record.key(), StandardCharsets.UTF_8)))
        .reduce((_, last) -> last)
        .orElseThrow()
        .value();
  }

  @Test
  void aForgedTombstoneEndsNothingAndTheEntryIsWrittenAgain() throws Exception {
    for (Ready ready : running) {
      write(ready.userId(), ready.containerId(), null);
    }
    deployment.start("a");
    assertAllStayAndAreListed();
  }

  @Test
  void aForgedEntryOfARunningSandboxEndsNothing() throws Exception {
    for (Ready ready : running) {
      write(
          ready.userId(),
          ready.containerId(),
          new LiveSandbox(
              ready.userId(), ready.containerId(), "elsewhere", "another", Instant.EPOCH));
    }
    deployment.start("a");
    assertAllStayAndAreListed();
  }

  @Test
  void aForgedEntryOfASandboxThatNeverWasIsNotAnnouncedLost() throws Exception {
    List<UserId> users = new ArrayList<>();
    running.forEach(ready -> users.add(ready.userId()));
    for (int partition = 0; partition < deployment.partitions(); partition++) {
      users.add(deployment.newUserOf(partition));
    }
    for (UserId user : users) {
      String id = "f".repeat(63) + user.toString().charAt(0);
      write(user, id, new LiveSandbox(user, id, "elsewhere", "another", Instant.now()));
      write(user, id + "0", new LiveSandbox(user, id + "0", "a", "another", Instant.EPOCH));
    }
    deployment.start("a");
    assertAllStayAndAreListed();
    for (UserId user : users) {
      deployment.agent().ensured(user); // served behind the takeover
      assertThat(deployment.log().reaped(user)).isEmpty();
    }
  }

  @Test
  void aTopicThatWasDeletedAndMadeAgainEndsNothing() throws Exception {
    String live = deployment.topic(Topic.LIVE);
    deployment.group().admin().deleteTopics(List.of(live)).all().get(90, TimeUnit.SECONDS);
    await()
        .atMost(Deployment.SOON)
        .until(
            () ->
                !deployment
                    .group()
                    .admin()
                    .listTopics()
                    .names()
                    .get(90, TimeUnit.SECONDS)
                    .contains(live));
    deployment.start("a");
    assertAllStayAndAreListed();
  }

  @Test
  void aFloodOfValidEntriesFitsIntoThePackagedHeap() throws Exception {
    deployment.withOps();
    String padding = "x".repeat(3_900);
    for (int i = 0; i < 9_000; i++) {
      UserId user = Deployment.newUser();
      String id = padding + i;
      deployment
          .agent()
          .sendLater(
              new ProducerRecord<>(
                  deployment.topic(Topic.LIVE),
                  deployment.home(user),
                  codec.liveKey(user, id),
                  codec.encodeLive(new LiveSandbox(user, id, padding, padding, Instant.now()))));
    }
    deployment.agent().flush();
    try (WorkerProcess worker = WorkerProcess.start(deployment, "a")) {
      assertAllStayAndAreListed();
      assertThat(worker.isAlive()).isTrue();
    }
  }
}
