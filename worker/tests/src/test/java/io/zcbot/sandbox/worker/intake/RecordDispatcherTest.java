/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.ensure.EnsureRequest;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.security.Row;
import io.zcbot.sandbox.worker.testkit.FakeOwnership;
import io.zcbot.sandbox.worker.testkit.FakeOwnership.State;
import io.zcbot.sandbox.worker.trace.Tracing;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class RecordDispatcherTest {
  private static final int PARTITIONS = 4;
  private static final UserId ANNA = new UserId(new UUID(1, 1));

  private final KeyPartitions keys = new KeyPartitions(PARTITIONS);
  private final int keyPartition = keys.of(ANNA);
  private final OffsetTracker progress = new OffsetTracker(0);
  private final FakeOwnership ownership = new FakeOwnership(State.OWNED);
  private final List<Runnable> lane = new ArrayList<>();
  private final List<String> diverted = new CopyOnWriteArrayList<>();
  private EnsureIntake.Work work = EnsureRequest::fence;
  private CountDownLatch log = new CountDownLatch(0);
  private int offset;

  private final RecordForwarding diversions =
      new RecordForwarding() {
        @Override
        public void deadLetter(ConsumerRecord<byte[], byte[]> record, EventFormatException why)
            throws InterruptedException {
          log.await();
          diverted.add("dead letter " + record.offset());
        }

        @Override
        public int forward(List<ConsumerRecord<byte[], byte[]>> records, int partition) {
          records.forEach(_ -> diverted.add("forwarded to " + partition));
          return 0;
        }
      };

  private final RecordDispatcher dispatcher =
      new RecordDispatcher(
          keys,
          Duration.ofSeconds(60),
          new LaneWork((_, task) -> lane.add(task), Tracing.OFF),
          request -> work.ensure(request),
          diversions,
          Time.system(),
          IntakeMetrics.NONE);

  private OptionalLong committable() {
    return progress
        .committable(0)
        .map(at -> OptionalLong.of(at.offset()))
        .orElse(OptionalLong.empty());
  }

  @AfterEach
  void close() {
    dispatcher.close();
    assertThat(Thread.interrupted()).as("the lane's thread").isFalse();
  }

  private void accept(int partition, String value) {
    accept(partition, value.getBytes(UTF_8));
  }

  private void accept(int partition, byte[] value) {
    accept(partition, value, new RecordHeaders());
  }

  private void accept(int partition, byte[] value, RecordHeaders headers) {
    dispatcher.accept(
        new ConsumerRecord<>(
            "sandbox.ensure",
            partition,
            offset++,
            System.currentTimeMillis(),
            TimestampType.LOG_APPEND_TIME,
            0,
            0,
            ANNA.toString().getBytes(UTF_8),
            value,
            headers,
            Optional.empty()),
        progress,
        ownership);
    progress.advanceTo(new OffsetAndMetadata(offset));
  }

  private void acceptEnsure(int partition) {
    accept(partition, "{\"user_id\":\"" + ANNA + "\"}");
  }

  @Test
  void anEnsureIsDoneOnceItsWorkReturns() {
    acceptEnsure(keyPartition);
    assertThat(committable()).isEmpty();
    lane.forEach(Runnable::run);
    assertThat(committable()).hasValue(1);
  }

  @Test
  void anEnsureInTheWrongPartitionIsSentOnAndThenDone() {
    acceptEnsure((keyPartition + 1) % PARTITIONS);
    await().until(() -> committable().isPresent());
    assertThat(diverted).containsExactly("forwarded to " + keyPartition);
    assertThat(lane).isEmpty();
  }

  private EnsureRequest queued(int partition, String forwardedFrom, long timestamp) {
    List<EnsureRequest> requests = new ArrayList<>();
    work = requests::add;
    RecordHeaders headers = new RecordHeaders();
    headers.add("zcbot_forwarded", forwardedFrom.getBytes(UTF_8));
    dispatcher.accept(
        new ConsumerRecord<>(
            "sandbox.ensure",
            partition,
            offset++,
            timestamp,
            TimestampType.LOG_APPEND_TIME,
            0,
            0,
            ANNA.toString().getBytes(UTF_8),
            ("{\"user_id\":\"" + ANNA + "\"}").getBytes(UTF_8),
            headers,
            Optional.empty()),
        progress,
        ownership);
    progress.advanceTo(new OffsetAndMetadata(offset));
    lane.forEach(Runnable::run);
    return requests.getFirst();
  }

  @Test
  void aForwardedEnsureKeepsItsIdAndItsExpiry() {
    long now = System.currentTimeMillis();
    EnsureRequest young = queued(keyPartition, "3-17@" + (now - 10_000), now);
    assertThat(young.ensure().eventId()).isEqualTo("sandbox.ensure-3-17");
    assertThat(young.deadline().patience())
        .isBetween(Duration.ofSeconds(40), Duration.ofSeconds(50));
  }

  @Test
  void nobodyMakesAnEnsureYoungerThanItIs() {
    long now = System.currentTimeMillis();
    EnsureRequest forged = queued(keyPartition, "3-17@" + (now + 1_000_000), now);
    assertThat(forged.deadline().patience()).isLessThanOrEqualTo(Duration.ofSeconds(60));
  }

  /** Its answer would be to whatever ensure lies there. */
  @Test
  @Row(72)
  void noEnsureHasAPositionInTheUsersOwnPartitionAsItsIdUnlessItLiesThere() {
    String forged = keyPartition + "-17@" + System.currentTimeMillis();
    EnsureRequest there = queued(keyPartition, forged, System.currentTimeMillis());
    assertThat(there.ensure().eventId()).isEqualTo("sandbox.ensure-%d-0".formatted(keyPartition));
    lane.clear();
    RecordHeaders headers = new RecordHeaders();
    headers.add("zcbot_forwarded", forged.getBytes(UTF_8));
    accept(
        (keyPartition + 1) % PARTITIONS,
        ("{\"user_id\":\"" + ANNA + "\"}").getBytes(UTF_8),
        headers);
    await().until(() -> !diverted.isEmpty() || !lane.isEmpty());
    assertThat(lane).isEmpty();
    assertThat(diverted).containsExactly("dead letter 1");
  }

  /**
   * Two workers with different counts of partitions would send it to each other for ever. And
   * anybody can write the header, so that an answer could be to an ensure of somebody else.
   */
  @Test
  @Row(72)
  void aForwardedEnsureInAForeignPartitionIsNeitherAnsweredNorForwardedAgain() {
    RecordHeaders headers = new RecordHeaders();
    headers.add("zcbot_forwarded", ("3-17@" + System.currentTimeMillis()).getBytes(UTF_8));
    for (String more : List.of("", ",\"expires_at\":\"2020-01-01T00:00:00Z\"")) {
      String ensure = "{\"user_id\":\"" + ANNA + "\",\"event_id\":\"known\"" + more + "}";
      accept((keyPartition + 1) % PARTITIONS, ensure.getBytes(UTF_8), headers);
    }
    await().until(() -> diverted.size() + lane.size() == 2);
    assertThat(lane).isEmpty();
    assertThat(diverted).containsExactly("dead letter 0", "dead letter 1");
    await().until(() -> committable().equals(OptionalLong.of(2)));
  }

  @Test
  void anExpiredEnsureInTheWrongPartitionIsAnsweredWhereItIs() {
    accept(
        (keyPartition + 1) % PARTITIONS,
        "{\"user_id\":\"" + ANNA + "\",\"expires_at\":\"2020-01-01T00:00:00Z\"}");
    assertThat(lane).hasSize(1);
    assertThat(diverted).isEmpty();
  }

  @Test
  void whatIsNoEnsureBecomesADeadLetterAndIsThenDone() {
    accept(keyPartition, "{");
    await().until(() -> committable().isPresent());
    assertThat(diverted).containsExactly("dead letter 0");
    assertThat(lane).isEmpty();
  }

  @Test
  void ensuresFillItUntilTheyAreDone() {
    for (int i = 0; i < 5000; i++) {
      acceptEnsure(keyPartition);
    }
    assertThat(lane).hasSize(5000);
    assertThat(dispatcher.isFull()).as("small ones count for their threads").isTrue();
    lane.forEach(Runnable::run);
    assertThat(dispatcher.isFull()).isFalse();
    assertThat(committable()).hasValue(5000);
  }

  @Test
  void ensuresAndDeadLettersFillItTogether() {
    log = new CountDownLatch(1);
    for (int i = 0; i < 2000; i++) {
      acceptEnsure(keyPartition);
    }
    assertThat(dispatcher.isFull()).isFalse();
    accept(keyPartition, new byte[9 << 20]);
    assertThat(dispatcher.isFull()).isTrue();
    log.countDown();
    await().until(() -> !dispatcher.isFull());
  }

  /** Of texts that are not Latin, each character takes two bytes. */
  @Test
  void ensuresOfLongTextsFillItAsSoonAsTheirTextsDo() {
    String value =
        "{\"user_id\":\"%s\",\"event_id\":\"%s\",\"requested_by\":\"%s\"}"
            .formatted(ANNA, "ж".repeat(4_096), "ж".repeat(4_096));
    int count = 0;
    while (!dispatcher.isFull()) {
      accept(keyPartition, value);
      count++;
    }
    assertThat(count * 2L * 4_096 * Character.BYTES).isLessThanOrEqualTo(InFlightBytes.MOST);
  }

  /** What is passed on with the answer waits as long as the ensure. */
  @Test
  void ensuresOfMuchBaggageFillItAsSoonAsThatDoes() {
    RecordHeaders headers = new RecordHeaders();
    headers.add("baggage", ("a=" + "x".repeat(8_190)).getBytes(UTF_8));
    int count = 0;
    while (!dispatcher.isFull()) {
      accept(keyPartition, ("{\"user_id\":\"" + ANNA + "\"}").getBytes(UTF_8), headers);
      count++;
    }
    assertThat(count * 8_192L).isLessThanOrEqualTo(InFlightBytes.MOST);
  }

  /** One user's, behind one that is retried, stopped those of all partitions. */
  @Test
  void whatNobodyKeepsOfAnEnsureFillsNothing() {
    byte[] value =
        ("{\"user_id\":\"" + ANNA + "\",\"unknown\":\"" + "x".repeat(60_000) + "\"}")
            .getBytes(UTF_8);
    WeakReference<byte[]> kept = new WeakReference<>(value);
    accept(keyPartition, value);
    value = null;
    await("collection of the record's value")
        .until(
            () -> {
              System.gc();
              return kept.get() == null;
            });
    for (int i = 0; i < 300; i++) {
      accept(
          keyPartition,
          "{\"user_id\":\"" + ANNA + "\",\"unknown\":\"" + "x".repeat(60_000) + "\"}");
    }
    assertThat(lane).hasSize(301);
    assertThat(dispatcher.isFull()).isFalse();
  }

  @Test
  void whatDoesNotBeginMakesRoomAsWell() {
    for (int i = 0; i < 5000; i++) {
      acceptEnsure(keyPartition);
    }
    assertThat(dispatcher.isFull()).as("small ones count for their threads").isTrue();
    ownership.state = State.REVOKING;
    lane.forEach(Runnable::run);
    assertThat(dispatcher.isFull()).isFalse();
  }

  @Test
  void whatClosedLanesRefuseMakesRoomAsWell() {
    RecordDispatcher closed =
        new RecordDispatcher(
            keys,
            Duration.ofSeconds(60),
            new LaneWork((_, _) -> false, Tracing.OFF),
            request -> work.ensure(request),
            diversions,
            Time.system(),
            IntakeMetrics.NONE);
    try (closed) {
      for (int i = 0; i < 5000; i++) {
        closed.accept(
            new ConsumerRecord<>(
                "sandbox.ensure",
                keyPartition,
                i,
                ANNA.toString().getBytes(UTF_8),
                ("{\"user_id\":\"" + ANNA + "\"}").getBytes(UTF_8)),
            progress,
            ownership);
      }
      assertThat(closed.isFull()).isFalse();
    }
  }

  @Test
  void whatHasNotBegunWhenThePartitionGoesDoesNotBegin() {
    work =
        _ -> {
          throw new AssertionError("began");
        };
    acceptEnsure(keyPartition);
    ownership.state = State.REVOKING;
    lane.forEach(Runnable::run);
    assertThat(committable()).isEmpty();
  }

  /** What the fence stopped is not done; yet the lane has more to do than this ensure. */
  @Test
  void whatLosesItsPartitionWhileItWaitsAtTheFenceStaysOpenAndSparesTheLane() {
    work =
        request -> {
          ownership.state = State.LOST;
          request.fence().pass();
        };
    acceptEnsure(keyPartition);
    lane.forEach(Runnable::run);
    assertThat(committable()).isEmpty();
    assertThat(Thread.currentThread().isInterrupted()).isFalse();
  }

  /** Where the worker itself stops, the lane has to see it. */
  @Test
  void aStopInterruptsTheLane() {
    work =
        _ -> {
          throw new InterruptedException("the worker stops");
        };
    acceptEnsure(keyPartition);
    lane.forEach(Runnable::run);
    assertThat(Thread.interrupted()).isTrue();
    assertThat(committable()).isEmpty();
  }
}
