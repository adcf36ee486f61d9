/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.testkit.ManualTime;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DiversionsTest {
  /** As many small records as make up a partition's share. */
  private static final int SHARE = (int) Diversions.SHARE / 4096;

  private final KeyPartitions partitions = new KeyPartitions(8);
  private final ManualTime time = new ManualTime(1);
  private final List<String> counted = new CopyOnWriteArrayList<>();
  private final AtomicInteger dropped = new AtomicInteger();
  private final AtomicInteger done = new AtomicInteger();

  /** The partitions that take nothing. */
  private final Set<Integer> away = ConcurrentHashMap.newKeySet();

  private final CountDownLatch leader = new CountDownLatch(1);

  private final List<String> forwarded = new CopyOnWriteArrayList<>();

  private final RecordForwarding log =
      new RecordForwarding() {
        @Override
        public void deadLetter(ConsumerRecord<byte[], byte[]> record, EventFormatException why)
            throws InterruptedException {
          write(partitions.of(record.key()));
        }

        @Override
        public int forward(List<ConsumerRecord<byte[], byte[]>> records, int partition)
            throws InterruptedException {
          List<String> values =
              records.stream().map(each -> new String(each.value(), UTF_8).strip()).toList();
          if (values.contains("fails")) {
            throw new AssertionError("thrown by the test");
          }
          write(partition);
          forwarded.add("to " + partition + ": " + String.join(" ", values));
          return 0;
        }

        private void write(int partition) throws InterruptedException {
          if (away.contains(partition)) {
            leader.await();
          }
        }
      };

  private final IntakeMetrics metrics =
      new IntakeMetrics() {
        @Override
        public void deadLettered(String topic) {
          counted.add("dead letter of " + topic);
        }

        @Override
        public void forwarded(String topic) {
          counted.add("forwarded " + topic);
        }

        @Override
        public void diversionDropped(String topic) {
          dropped.incrementAndGet();
        }
      };

  /** An alert tells of dead letters, however they became some. */
  @ParameterizedTest
  @CsvSource({"0, forwarded topic", "1, dead letter of topic"})
  void whatIsForwardedCountsAsWhatBecameOfIt(int tooLarge, String expected) throws Exception {
    RecordForwarding forwarding =
        new RecordForwarding() {
          @Override
          public void deadLetter(ConsumerRecord<byte[], byte[]> record, EventFormatException why) {
            throw new AssertionError(why);
          }

          @Override
          public int forward(List<ConsumerRecord<byte[], byte[]>> records, int partition) {
            return tooLarge;
          }
        };
    CompletableFuture<Void> done = new CompletableFuture<>();
    try (Diversions diversions =
        Diversions.ofUncommitted(forwarding, partitions, Time.system(), metrics)) {
      diversions.forward(
          new ConsumerRecord<>("topic", 0, 0, new byte[1], new byte[1]),
          2,
          () -> done.complete(null));
      done.get(60, TimeUnit.SECONDS);
    }
    assertThat(counted).containsExactly(expected);
  }

  private void forward(Diversions diversions, int to, int count) {
    for (int i = 0; i < count; i++) {
      diversions.forward(
          new ConsumerRecord<>("topic", 0, i, new byte[] {(byte) i}, new byte[0]),
          to,
          done::incrementAndGet);
    }
  }

  /** Or one partition without a leader would stop the input of all commands. */
  @Test
  void whatIsNotCommittedIsDroppedForAPartitionThatTakesNothing() {
    away.add(2);
    try (Diversions diversions = Diversions.ofUncommitted(log, partitions, time, metrics)) {
      forward(diversions, 2, SHARE - 1);
      assertThat(diversions.isFull()).isFalse();
      forward(diversions, 2, 10);
      assertThat(diversions.isFull()).as("it may be a burst").isTrue();
      time.pass(Diversions.PATIENCE.minusNanos(1));
      assertThat(diversions.isFull()).as("a leader may be elected").isTrue();
      forward(diversions, 2, 1);
      assertThat(dropped).hasValue(0);

      time.pass(Duration.ofNanos(1));
      assertThat(diversions.isFull()).isFalse();
      forward(diversions, 2, 5);
      assertThat(dropped).hasValue(5);
      assertThat(diversions.isFull()).isFalse();
      forward(diversions, 3, 7);
      await().until(() -> done.get() == 7);

      leader.countDown();
      await().until(() -> done.get() == 7 + SHARE + 10);
      forward(diversions, 2, 1);
      await().until(() -> done.get() == 7 + SHARE + 11);
      assertThat(dropped).hasValue(5);
    }
  }

  /** As after an outage: what is read first comes before the first record arrives. */
  @Test
  void aBurstBehindOneThatWaitedForLongIsNotDropped() {
    away.add(2);
    try (Diversions diversions = Diversions.ofUncommitted(log, partitions, time, metrics)) {
      forward(diversions, 2, 1);
      time.pass(Diversions.PATIENCE);
      forward(diversions, 2, SHARE + 5);
      assertThat(dropped).hasValue(0);
      assertThat(diversions.isFull()).isTrue();
      leader.countDown();
      await().until(() -> done.get() == SHARE + 6);
    }
  }

  /** A broker that is out of reach leads many. */
  @Test
  void manyPartitionsThatTakeNothingStopNoReading() {
    away.addAll(List.of(0, 1, 2, 3, 4, 5));
    try (Diversions diversions = Diversions.ofUncommitted(log, partitions, time, metrics)) {
      for (int to = 0; to < 4; to++) {
        forward(diversions, to, SHARE);
        time.pass(Diversions.PATIENCE);
        assertThat(diversions.isFull()).isFalse();
      }
      forward(diversions, 4, 1);
      assertThat(diversions.isFull()).as("all have their bytes, but it may be a moment").isTrue();
      time.pass(Diversions.PATIENCE);
      assertThat(diversions.isFull()).isFalse();
      forward(diversions, 4, 3);
      assertThat(dropped).hasValue(3);
      for (int i = 1; i <= 10; i++) {
        int all = i;
        forward(diversions, 6, 1);
        await().until(() -> done.get() == all && !diversions.isFull());
      }
    }
  }

  /** Each of them is answered, or kept where somebody may look. */
  @Test
  void nothingThatIsCommittedIsDropped() {
    away.add(2);
    try (Diversions diversions = Diversions.ofCommitted(log, partitions, time, metrics)) {
      forward(diversions, 2, SHARE);
      time.pass(Diversions.PATIENCE);
      forward(diversions, 2, 7 * SHARE - 1);
      assertThat(diversions.isFull()).isFalse();
      forward(diversions, 2, 1);
      assertThat(diversions.isFull()).isTrue();
      time.pass(Diversions.PATIENCE);
      assertThat(diversions.isFull()).isTrue();
      assertThat(new InFlightBytes().isFull(diversions.bytes()))
          .as("there is room for those that are in place")
          .isFalse();
      leader.countDown();
      await().until(() -> done.get() == 8 * SHARE);
      await().until(() -> !diversions.isFull());
    }
    assertThat(dropped).hasValue(0);
  }

  private void forward(Diversions diversions, int to, String key, String value) {
    diversions.forward(
        new ConsumerRecord<>("topic", 0, 0, key.getBytes(UTF_8), value.getBytes(UTF_8)),
        to,
        done::incrementAndGet);
  }

  /** Nobody waits for the log for each record of those before. */
  @Test
  void whatIsForwardedWaitsForThoseOfItsPartitionOnlyAndIsThenPublishedTogether() {
    away.add(2);
    try (Diversions diversions = Diversions.ofCommitted(log, partitions, time, metrics)) {
      forward(diversions, 2, "anna", "1");
      assertThat(diversions.bytes()).isPositive();
      forward(diversions, 3, "ben", "2");
      await().until(() -> done.get() == 1);
      forward(diversions, 2, "anna", "3");
      forward(diversions, 2, "carl", "4");
      forward(diversions, 2, "anna", "5");
      leader.countDown();
      await().until(() -> done.get() == 5);
      assertThat(forwarded.getFirst()).isEqualTo("to 3: 2");
      assertThat(String.join(" ", forwarded.subList(1, forwarded.size())).replace("to 2: ", ""))
          .isEqualTo("1 3 4 5");
      assertThat(forwarded).hasSizeLessThanOrEqualTo(3);
      forward(diversions, 2, "anna", "6");
      await().until(() -> done.get() == 6);
      assertThat(forwarded).endsWith("to 2: 6");
    }
  }

  /** What fails has all behind it sent again. */
  @Test
  void whatIsPublishedTogetherIsBounded() {
    away.add(2);
    try (Diversions diversions = Diversions.ofCommitted(log, partitions, time, metrics)) {
      for (int i = 0; i <= 3; i++) {
        forward(diversions, 2, "anna", i + " ".repeat(Diversions.MAX_BATCH_BYTES * 2 / 5));
      }
      forward(diversions, 2, "anna", 4 + " ".repeat(Diversions.MAX_BATCH_BYTES));
      leader.countDown();
      await().until(() -> done.get() == 5);
      assertThat(forwarded).endsWith("to 2: 4");
      assertThat(forwarded).allSatisfy(batch -> assertThat(batch).hasSizeLessThanOrEqualTo(9));
    }
  }

  @Test
  void whatFailsIsNotDoneAndHoldsUpNothing() {
    away.add(2);
    try (Diversions diversions = Diversions.ofCommitted(log, partitions, time, metrics)) {
      forward(diversions, 3, "anna", "fails");
      await().until(() -> diversions.bytes() == 0);
      assertThat(done).hasValue(0);
      forward(diversions, 3, "anna", "1");
      await().until(() -> done.get() == 1);
      assertThat(forwarded).containsExactly("to 3: 1");
    }
  }

  /** Even a small one takes a thread, and headers may be most of a record. */
  @Test
  void headersCountAndEmptyRecordsDo() {
    away.addAll(List.of(0, 1, 2, 3, 4, 5, 6, 7));
    try (Diversions diversions = Diversions.ofCommitted(log, partitions, time, metrics)) {
      for (int i = 0; i < 2048; i++) {
        assertThat(diversions.isFull()).isFalse();
        deadLetter(diversions, new RecordHeaders());
      }
      assertThat(diversions.isFull()).isTrue();
      leader.countDown();
      await().until(() -> done.get() == 2048 && diversions.bytes() == 0);
    }
    CountDownLatch never = new CountDownLatch(1);
    try (Diversions diversions =
        Diversions.ofCommitted(waiting(never), partitions, time, metrics)) {
      deadLetter(diversions, new RecordHeaders().add("x", new byte[8 << 20]));
      assertThat(diversions.isFull()).isTrue();
    }
  }

  private static RecordForwarding waiting(CountDownLatch forIt) {
    return new RecordForwarding() {
      @Override
      public void deadLetter(ConsumerRecord<byte[], byte[]> record, EventFormatException why)
          throws InterruptedException {
        forIt.await();
      }

      @Override
      public int forward(List<ConsumerRecord<byte[], byte[]>> records, int partition) {
        throw new AssertionError(records);
      }
    };
  }

  private void deadLetter(Diversions diversions, Headers headers) {
    diversions.deadLetter(
        new ConsumerRecord<>(
            "topic",
            0,
            0,
            0,
            TimestampType.CREATE_TIME,
            0,
            0,
            new byte[0],
            new byte[0],
            headers,
            Optional.empty()),
        "a valid event",
        new EventFormatException("value", "is empty"),
        done::incrementAndGet);
  }
}
