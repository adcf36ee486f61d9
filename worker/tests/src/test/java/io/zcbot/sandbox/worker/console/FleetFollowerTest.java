/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class FleetFollowerTest {
  private static final String RAISED = Topic.ENSURE.named("sandbox.");
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private static final TopicPartition LIVE =
      new TopicPartition(
          Topic.LIVE.named("sandbox."),
          new KeyPartitions(TestFleet.PARTITIONS).of(TestFleet.user(1)));

  private final AtomicLong nanos = new AtomicLong();
  private final AtomicLong millis = new AtomicLong(TestFleet.NOW.toEpochMilli());
  private final AtomicLong polls = new AtomicLong();
  private final AtomicLong raisedTo = new AtomicLong(4);
  private final AtomicLong looks = new AtomicLong();
  private final AtomicLong probes = new AtomicLong();
  private volatile Predicate<Collection<TopicPartition>> hasNoLeader = _ -> false;
  private volatile Set<TopicPartition> leaderless = Set.of();

  /** A consumer of empty topics. */
  private final MockConsumer<byte[], byte[]> consumer = new EmptyTopics();

  private class EmptyTopics extends MockConsumer<byte[], byte[]> {
    EmptyTopics() {
      super("earliest");
    }

    @Override
    public synchronized List<PartitionInfo> partitionsFor(String topic, Duration timeout) {
      looks.addAndGet(topic.equals(RAISED) ? 1 : 0);
      return LongStream.range(0, topic.equals(RAISED) ? raisedTo.get() : TestFleet.PARTITIONS)
          .mapToObj(i -> partition(topic, (int) i))
          .toList();
    }

    private PartitionInfo partition(String topic, int number) {
      boolean isLed = !leaderless.contains(new TopicPartition(topic, number));
      Node leader = isLed ? new Node(1, "broker", 9092) : null;
      return new PartitionInfo(topic, number, leader, new Node[0], new Node[0]);
    }

    @Override
    public synchronized Map<TopicPartition, Long> beginningOffsets(
        Collection<TopicPartition> partitions, Duration timeout) {
      return partitions.stream().collect(Collectors.toMap(each -> each, _ -> 0L));
    }

    @Override
    public synchronized Map<TopicPartition, Long> endOffsets(
        Collection<TopicPartition> partitions, Duration timeout) {
      if (hasNoLeader.test(partitions) || partitions.stream().anyMatch(leaderless::contains)) {
        probes.incrementAndGet();
        nanos.addAndGet(timeout.toNanos());
        throw new TimeoutException("no leader");
      }
      return beginningOffsets(partitions, timeout);
    }

    @Override
    public synchronized Map<TopicPartition, OffsetAndTimestamp> offsetsForTimes(
        Map<TopicPartition, Long> times, Duration timeout) {
      return Map.of();
    }

    @Override
    public synchronized ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
      polls.incrementAndGet();
      return ConsumerRecords.empty();
    }
  }

  /** Topics of which one partition has records of the time that is read. */
  private class OneBusyPartition extends EmptyTopics {
    private final TopicPartition busy;
    private final long end;

    OneBusyPartition(TopicPartition busy, long end) {
      this.busy = busy;
      this.end = end;
    }

    @Override
    public synchronized Map<TopicPartition, Long> endOffsets(
        Collection<TopicPartition> partitions, Duration timeout) {
      return super.endOffsets(partitions, timeout).keySet().stream()
          .collect(Collectors.toMap(each -> each, each -> each.equals(busy) ? end : 0L));
    }

    @Override
    public synchronized Map<TopicPartition, OffsetAndTimestamp> offsetsForTimes(
        Map<TopicPartition, Long> times, Duration timeout) {
      return Map.of(busy, new OffsetAndTimestamp(0, 0));
    }
  }

  @Test
  void topicsAreReadAnewOnlyWhenOneChanges() {
    try (FleetFollower _ = following(new TestFleet(), consumer)) {
      await().until(() -> polls.get() > 0);
      leaderless = Set.of(LIVE);
      lookAgain();
      long before = polls.get();
      await("reads on").until(() -> polls.get() > before + 1);

      leaderless = Set.of();
      raisedTo.incrementAndGet();
      lookAgain();
      await("begins anew").until(consumer::closed);
    }
  }

  private void lookAgain() {
    long before = looks.get();
    nanos.addAndGet(Duration.ofSeconds(31).toNanos());
    await().until(() -> looks.get() > before);
  }

  /** Each attempt to ask for its end takes seconds, in which nothing else is read. */
  @Test
  void aPartitionWithoutALeaderDoesNotKeepTheOthersFromBeingRead() {
    MockConsumer<byte[], byte[]> reader =
        new EmptyTopics() {
          @Override
          public synchronized ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
            hasNoLeader = _ -> true; // everything was read once
            nanos.addAndGet(timeout.toNanos());
            return super.poll(timeout);
          }
        };
    try (FleetFollower _ = following(new TestFleet(), reader)) {
      await().atMost(LIMIT).until(() -> polls.get() >= 300);
      assertThat(probes.get()).isBetween(1L, polls.get() / 100 + 1);
    }
  }

  /** Otherwise the page would show nothing new, and say nothing of it. */
  @Test
  void kafkaThatVanishesBeforeItSendsWhatItHasIsAProblem() throws Exception {
    TopicPartition busy = new TopicPartition(RAISED, 0);
    class VanishingTopics extends OneBusyPartition {
      VanishingTopics() {
        super(busy, 1);
      }

      @Override
      public synchronized Map<TopicPartition, Long> endOffsets(
          Collection<TopicPartition> partitions, Duration timeout) {
        Map<TopicPartition, Long> ends = super.endOffsets(partitions, timeout);
        boolean isFollowing = ends.keySet().containsAll(List.of(busy, LIVE));
        hasNoLeader = _ -> isFollowing; // after the first probe
        return ends;
      }

      @Override
      public synchronized ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
        nanos.addAndGet(Duration.ofSeconds(1).toNanos());
        return super.poll(timeout);
      }
    }
    TestFleet fleet = new TestFleet();
    fleet.fleet.following(FollowState.STARTING);
    try (FleetFollower _ = following(fleet, VanishingTopics::new)) {
      await()
          .atMost(LIMIT)
          .untilAsserted(
              () ->
                  assertThat(fleet.overview().get("problem").asText())
                      .isEqualTo("Kafka does not answer"));
      assertThat(fleet.overview().get("upTo").asLong()).isZero();
    }
  }

  @Test
  void whatIsKnownIsShownUntilTheTopicsCanBeReadAnew() throws Exception {
    TestFleet fleet = new TestFleet();
    fleet.fleet.following(FollowState.STARTING);
    try (FleetFollower _ = following(fleet, consumer)) {
      await().atMost(LIMIT).until(() -> fleet.overview().get("upTo").asLong() > 0);
      fleet.live(1, 100);
      hasNoLeader = asked -> asked.contains(new TopicPartition(RAISED, 0));
      raisedTo.incrementAndGet();
      lookAgain();
      await()
          .atMost(LIMIT)
          .until(() -> fleet.overview().get("problem").asText().contains("no leader"));
      assertThat(fleet.overview().get("sandboxes").asInt()).isOne();
      assertThat(fleet.overview().get("upTo").asLong()).isPositive();
    }
  }

  @Test
  void whatHasALeaderIsShownAndTheRestIsReadOnceItHasOne() throws Exception {
    leaderless = Set.of(LIVE);
    TestFleet fleet = new TestFleet();
    fleet.fleet.following(FollowState.STARTING);
    try (FleetFollower _ = following(fleet, EmptyTopics::new)) {
      await().atMost(LIMIT).until(() -> polls.get() > 3);
      assertThat(fleet.overview().get("problem").asText()).contains("leader", LIVE.toString());
      assertThat(fleet.overview().get("upTo").asLong()).isZero();

      leaderless = Set.of();
      lookAgain();
      await().atMost(LIMIT).until(() -> fleet.overview().get("upTo").asLong() > 0);
      assertThat(fleet.overview().get("problem").asText()).isEmpty();
    }
  }

  /** Otherwise the page would say for ever that the topics are read. */
  @Test
  void aTableThatLosesItsLeaderWhileItIsReadIsLeftOutUntilItHasOne() throws Exception {
    class StuckTable extends EmptyTopics {
      @Override
      public synchronized Map<TopicPartition, Long> endOffsets(
          Collection<TopicPartition> partitions, Duration timeout) {
        return super.endOffsets(partitions, timeout).keySet().stream()
            .collect(Collectors.toMap(each -> each, each -> each.equals(LIVE) ? 1L : 0L));
      }

      @Override
      public synchronized ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
        leaderless = Set.of(LIVE);
        nanos.addAndGet(Duration.ofSeconds(1).toNanos());
        return super.poll(timeout);
      }
    }
    TestFleet fleet = new TestFleet();
    fleet.fleet.following(FollowState.STARTING);
    try (FleetFollower _ = following(fleet, StuckTable::new)) {
      await()
          .atMost(LIMIT)
          .untilAsserted(
              () ->
                  assertThat(fleet.overview().get("problem").asText())
                      .contains("left out", LIVE.toString()));
    }
  }

  /** Read anew at once, the topics would be read without that partition. */
  @Test
  void whatIsKnownOfAPartitionThatLostItsLeaderIsNotForgotten() throws Exception {
    TestFleet fleet = new TestFleet();
    fleet.fleet.following(FollowState.STARTING);
    try (FleetFollower _ = following(fleet, EmptyTopics::new)) {
      await().atMost(LIMIT).until(() -> fleet.overview().get("upTo").asLong() > 0);
      fleet.live(1, 100);
      leaderless = Set.of(LIVE);
      raisedTo.incrementAndGet();
      lookAgain();
      long before = polls.get();
      await().atMost(LIMIT).until(() -> polls.get() > before + 1);
      assertThat(fleet.overview().get("sandboxes").asInt()).isOne();

      leaderless = Set.of();
      lookAgain();
      await().atMost(LIMIT).until(() -> fleet.overview().get("sandboxes").asInt() == 0);
    }
  }

  /** Kafka may have removed the ends of what ended meanwhile. */
  @Test
  void afterALongSleepEverythingIsReadAnew() throws Exception {
    TestFleet fleet = new TestFleet();
    fleet.fleet.following(FollowState.STARTING);
    try (FleetFollower _ = following(fleet, EmptyTopics::new)) {
      await().atMost(LIMIT).until(() -> fleet.overview().get("upTo").asLong() > 0);
      fleet.live(1, 100);
      sleep(Duration.ofMinutes(29));
      await().atMost(LIMIT).until(() -> fleet.overview().get("upTo").asLong() == millis.get());
      assertThat(fleet.overview().get("sandboxes").asInt()).isOne();

      sleep(Duration.ofMinutes(31));
      await().atMost(LIMIT).until(() -> fleet.overview().get("sandboxes").asInt() == 0);
    }
  }

  /** Three records are read, each of which takes 20 minutes. */
  @Test
  void aSlowBeginningIsNoSleep() {
    TopicPartition busy = new TopicPartition(RAISED, 0);
    AtomicLong begun = new AtomicLong();
    class SlowTopics extends OneBusyPartition {
      SlowTopics() {
        super(busy, 3);
      }

      @Override
      public synchronized ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
        sleep(Duration.ofMinutes(20));
        seek(busy, Math.min(3, position(busy) + 1));
        return super.poll(timeout);
      }
    }
    Supplier<Consumer<byte[], byte[]>> topics =
        () -> {
          begun.incrementAndGet();
          return new SlowTopics();
        };
    try (FleetFollower _ = following(new TestFleet(), topics)) {
      await().atMost(LIMIT).until(() -> polls.get() > 10);
      assertThat(begun).hasValue(1);
    }
  }

  /** The monotonic clock stands still while the machine sleeps. */
  private void sleep(Duration time) {
    millis.addAndGet(time.toMillis());
    nanos.addAndGet(Duration.ofSeconds(2).toNanos());
  }

  @Test
  void aTableIsReadInTheOrderOfItsLogAlsoWhenAWorkersClockIsSetBack() throws Exception {
    EventCodec codec = new EventCodec();
    UserId user = TestFleet.user(1);
    byte[] key = codec.liveKey(user, "id-1");
    byte[] live = codec.encodeLive(new LiveSandbox(user, "id-1", "h1", "w1", TestFleet.NOW));
    List<ConsumerRecord<byte[], byte[]>> records =
        List.of(
            tableRecord(0, TestFleet.NOW, key, live),
            tableRecord(1, TestFleet.NOW.minusSeconds(60), key, null));
    MockConsumer<byte[], byte[]> reader =
        new EmptyTopics() {
          @Override
          public synchronized ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
            return polls.incrementAndGet() > 1
                ? ConsumerRecords.empty()
                : new ConsumerRecords<>(Map.of(LIVE, records), Map.of());
          }
        };
    TestFleet fleet = new TestFleet();
    try (FleetFollower _ = following(fleet, reader)) {
      await().atMost(LIMIT).until(() -> fleet.overview().get("records").asInt() == 2);
      assertThat(fleet.overview().get("sandboxes").asInt()).isZero();
    }
  }

  private static ConsumerRecord<byte[], byte[]> tableRecord(
      long offset, Instant at, byte[] key, byte @Nullable [] value) {
    return new ConsumerRecord<>(
        LIVE.topic(),
        LIVE.partition(),
        offset,
        at.toEpochMilli(),
        TimestampType.CREATE_TIME,
        0,
        0,
        key,
        value,
        new RecordHeaders(),
        Optional.empty());
  }

  private FleetFollower following(TestFleet fleet, MockConsumer<byte[], byte[]> reader) {
    return following(fleet, () -> reader);
  }

  private FleetFollower following(TestFleet fleet, Supplier<Consumer<byte[], byte[]>> consumers) {
    return FleetFollower.start(
        consumers,
        "sandbox.",
        Duration.ofHours(1),
        fleet.fleet,
        () -> Instant.ofEpochMilli(millis.get()),
        nanos::get);
  }

  @Test
  void whatItDoesNotExpectIsShownAndItTriesAgain() throws Exception {
    TestFleet fleet = new TestFleet();
    Semaphore tries = new Semaphore(0);
    try (FleetFollower _ =
        FleetFollower.start(
            () -> {
              tries.release();
              throw new ArithmeticException("long overflow");
            },
            "sandbox.",
            Duration.ofHours(1),
            fleet.fleet,
            InstantSource.system(),
            System::nanoTime)) {
      assertThat(tries.tryAcquire(2, 60, TimeUnit.SECONDS)).isTrue();
      assertThat(fleet.overview().get("problem").asText()).contains("long overflow");
    }
  }
}
