/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.testkit.ManualTime;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DiversionsTest {
  /** As many small records as make up a partition's share. */
  private static final int SHARE = (int) DiversionTargets.SHARE / 4096;

  private final KeyPartitions partitions = new KeyPartitions(8);
  private final ManualTime time = new ManualTime(1);
  private final List<String> counted = new CopyOnWriteArrayList<>();
  private final AtomicInteger dropped = new AtomicInteger();
  private final AtomicInteger done = new AtomicInteger();

  /** The partitions that take nothing. */
  private final Set<Integer> away = ConcurrentHashMap.newKeySet();

  private final CountDownLatch leader = new CountDownLatch(1);

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
          write(partition);
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
      time.pass(DiversionTargets.PATIENCE.minusNanos(1));
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
      time.pass(DiversionTargets.PATIENCE);
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
        time.pass(DiversionTargets.PATIENCE);
        assertThat(diversions.isFull()).isFalse();
      }
      forward(diversions, 4, 1);
      assertThat(diversions.isFull()).as("all have their bytes, but it may be a moment").isTrue();
      time.pass(DiversionTargets.PATIENCE);
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
      time.pass(DiversionTargets.PATIENCE);
      forward(diversions, 2, 7 * SHARE - 1);
      assertThat(diversions.isFull()).isFalse();
      forward(diversions, 2, 1);
      assertThat(diversions.isFull()).isTrue();
      time.pass(DiversionTargets.PATIENCE);
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
}
