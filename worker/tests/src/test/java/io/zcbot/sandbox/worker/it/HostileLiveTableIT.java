/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.Worker;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.deployment.WorkerProcess;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Whatever somebody writes to the live table, the sandboxes on this host stay, and nothing false is
 * reported.
 */
@Tag("engine")
@Tag("kafka")
@Order(12)
class HostileLiveTableIT {
  /** Times that anybody can write, some of them far off. */
  private static final List<Instant> FORGED_TIMES =
      List.of(
          Instant.parse("0000-01-01T00:00:00Z"),
          Instant.EPOCH,
          Instant.now(),
          Instant.parse("9999-12-31T23:59:59Z"));

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
                deployment.partitionOf(user),
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
    return lastEntry(ready.userId(), ready.containerId());
  }

  private byte @Nullable [] lastEntry(UserId user, String containerId) {
    String key = user + "/" + containerId;
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
    int number = 0;
    for (Ready ready : running) {
      Instant opened = FORGED_TIMES.get(number++ % FORGED_TIMES.size());
      write(
          ready.userId(),
          ready.containerId(),
          new LiveSandbox(ready.userId(), ready.containerId(), "elsewhere", "another", opened));
    }
    deployment.start("a");
    assertAllStayAndAreListed();
  }

  /** So that it is believed, but for its time; one of long ago must not end its lifetime. */
  @Test
  void aForgedEntryThatTellsTheTrueStartEndsNothing() throws Exception {
    int number = 0;
    for (Ready ready : running) {
      LiveSandbox own = codec.decodeLive(Objects.requireNonNull(lastEntry(ready)));
      assertThat(own.startedAt()).isNotNull();
      Instant opened = FORGED_TIMES.get(number++ % FORGED_TIMES.size());
      write(
          ready.userId(),
          ready.containerId(),
          new LiveSandbox(
              own.userId(),
              own.containerId(),
              own.host(),
              own.workerId(),
              opened,
              own.idleTtl(),
              own.startedAt()));
    }
    deployment.start("a");
    await("the reaper's first looks")
        .pollDelay(Duration.ofSeconds(3))
        .atMost(Deployment.SOON)
        .untilAsserted(this::assertAllStayAndAreListed);
  }

  /** A sandbox that was announced ready, and whose host is gone. */
  private Ready lostWithItsHost(int partition) throws Exception {
    UserId user = deployment.newUserOf(partition);
    Ready like = running.getFirst();
    ContainerRef container =
        new ContainerRef("name", "e".repeat(63) + partition, "elsewhere", "another");
    Ready ready =
        new Ready(
            "ready of " + user,
            user,
            "ensure",
            Instant.now(),
            container,
            like.outcome(),
            like.environment(),
            1);
    deployment
        .agent()
        .send(
            new ProducerRecord<>(
                deployment.topic(Topic.READY), partition, codec.key(ready), codec.encode(ready)));
    write(
        user,
        container.id(),
        new LiveSandbox(user, container.id(), "elsewhere", "another", ready.readyAt()));
    return ready;
  }

  @Test
  void aForgedEntryOfASandboxThatNeverWasIsRemovedAndNotAnnouncedLostUnlikeOneBesideIt()
      throws Exception {
    List<UserId> users = new ArrayList<>();
    running.forEach(ready -> users.add(ready.userId()));
    List<Ready> lost = new ArrayList<>();
    for (int partition = 0; partition < deployment.partitions(); partition++) {
      users.add(deployment.newUserOf(partition));
      lost.add(lostWithItsHost(partition));
    }
    Map<String, UserId> forged = new HashMap<>();
    for (UserId user : users) {
      for (Instant opened : FORGED_TIMES) {
        String id = UUID.randomUUID().toString();
        forged.put(id, user);
        write(user, id, new LiveSandbox(user, id, "elsewhere", "another", opened));
      }
    }
    deployment.start("a");
    for (Ready ready : lost) {
      Reaped reaped = deployment.log().awaitReaped(ready.userId(), Deployment.SOON);
      assertThat(reaped.reason()).isEqualTo(Reaped.Reason.LOST);
      assertThat(reaped.containerId()).isEqualTo(ready.containerId());
    }
    await("removal of the forged entries")
        .atMost(Deployment.SOON)
        .untilAsserted(
            () ->
                assertThat(forged)
                    .allSatisfy((id, user) -> assertThat(lastEntry(user, id)).isNull()));
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
  void aFloodOfValidEntriesFitsIntoTheUsualHeap() throws Exception {
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
                  deployment.partitionOf(user),
                  codec.liveKey(user, id),
                  codec.encodeLive(new LiveSandbox(user, id, padding, padding, Instant.now()))));
    }
    deployment.agent().flush();
    try (WorkerProcess worker = WorkerProcess.start(deployment, "a", WorkerProcess.USUAL_HEAP)) {
      assertAllStayAndAreListed();
      assertThat(worker.isAlive()).isTrue();
    }
  }
}
