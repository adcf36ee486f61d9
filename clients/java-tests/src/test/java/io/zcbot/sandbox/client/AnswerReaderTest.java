/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class AnswerReaderTest {
  private static final List<Topic> TOPICS = List.of(Topic.EXITED, Topic.OUTPUT);
  private static final int PARTITIONS = 3;

  private final Set<TopicPartition> leaderless = ConcurrentHashMap.newKeySet();
  private final AtomicInteger asked = new AtomicInteger();
  private final Leaderless consumer = new Leaderless();
  private final BlockingQueue<ConsumerRecord<byte[], byte[]>> read = new LinkedBlockingQueue<>();
  private final Receiver receiver = new Receiver();
  private final AnswerReader reader =
      new AnswerReader(consumer, ClientOptions.defaults(), receiver, Samples.reach());
  private final UserId user = Samples.user();

  /** Takes the records that it does not fail at. */
  private final class Receiver implements AnswerReader.Receiver {
    private final Queue<Runnable> failures = new ConcurrentLinkedQueue<>();
    private final CountDownLatch closed = new CountDownLatch(1);

    @Override
    public void accept(ConsumerRecord<byte[], byte[]> record) {
      Runnable failure = failures.poll();
      if (failure != null) {
        failure.run();
      }
      read.add(record);
    }

    @Override
    public void close() {
      closed.countDown();
    }
  }

  /** When asked for an offset of a partition without a leader, it tries until the time-out. */
  private final class Leaderless extends RefusedConsumer {
    /** A partition of which the fetched batch fails at every poll, until it is dropped. */
    private volatile TopicPartition broken;

    /** Whether polls that wait fail, as with an error of a broker that names no partition. */
    private volatile boolean isReported;

    /** A partition that has a damaged batch at offset 100. */
    private volatile TopicPartition damaged;

    boolean isDamaged() {
      return damaged != null;
    }

    @Override
    public ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
      if (isPolled(damaged)) {
        if (position(damaged) == 100) {
          broken = damaged;
        } else {
          damaged = null;
        }
      }
      if (isReported && timeout.isPositive()) {
        throw new KafkaException("test");
      }
      ConsumerRecords<byte[], byte[]> records = super.poll(timeout);
      if (records.isEmpty() && broken != null) {
        throw new KafkaException("test");
      }
      return records;
    }

    private boolean isPolled(TopicPartition partition) {
      return assignment().contains(partition) && !paused().contains(partition);
    }

    @Override
    public void assign(Collection<TopicPartition> partitions) {
      if (broken != null && !partitions.contains(broken)) {
        broken = null;
      }
      super.assign(partitions);
    }

    @Override
    public Map<TopicPartition, Long> endOffsets(
        Collection<TopicPartition> partitions, Duration timeout) {
      tryFor(partitions, timeout);
      return super.endOffsets(partitions, timeout);
    }

    @Override
    public long position(TopicPartition partition, Duration timeout) {
      tryFor(List.of(partition), timeout);
      return super.position(partition, timeout);
    }

    private void tryFor(Collection<TopicPartition> partitions, Duration timeout) {
      asked.incrementAndGet();
      long end = System.nanoTime() + timeout.toNanos();
      while (partitions.stream().anyMatch(leaderless::contains)) {
        if (System.nanoTime() - end >= 0) {
          throw new TimeoutException("no leader");
        }
        LockSupport.parkNanos(1_000_000);
      }
    }
  }

  @BeforeEach
  void start() {
    for (Topic topic : TOPICS) {
      add(topic.named("sandbox."), PARTITIONS, 100);
    }
    reader.start();
  }

  @AfterEach
  void stop() {
    reader.close();
    assertThat(consumer.closed()).isTrue();
  }

  private void add(String topic, int partitions, long end) {
    Map<TopicPartition, Long> ends = new HashMap<>();
    IntStream.range(0, partitions).forEach(i -> ends.put(new TopicPartition(topic, i), end));
    consumer.updateEndOffsets(ends);
    consumer.updatePartitions(
        topic,
        ends.keySet().stream()
            .map(each -> new PartitionInfo(topic, each.partition(), null, null, null))
            .toList());
  }

  private static Deadline soon() {
    return Deadline.in(Duration.ofSeconds(30));
  }

  private static ConsumerRecord<byte[], byte[]> record(TopicPartition partition, long offset) {
    return new ConsumerRecord<>(
        partition.topic(), partition.partition(), offset, new byte[0], new byte[0]);
  }

  @Test
  void whatIsPublishedAfterTheQuestionIsRead() throws Exception {
    try (AnswerReader.Following following = reader.follow(user, TOPICS, soon())) {
      assertThat(following).isNotNull();
      assertThat(consumer.assignment()).hasSize(2);
      TopicPartition partition = consumer.assignment().iterator().next();
      assertThat(consumer.position(partition)).isEqualTo(100);
      consumer.addRecord(record(partition, 100));
      assertThat(read.poll(30, TimeUnit.SECONDS)).isNotNull();
    }
  }

  @Test
  void aRecordThatCannotBeUsedStopsNeitherTheReaderNorTheRecordsBehindIt() throws Exception {
    try (AnswerReader.Following following = reader.follow(user, TOPICS, soon())) {
      assertThat(following).isNotNull();
      receiver.failures.add(AnswerReaderTest::exhaustMemory);
      receiver.failures.add(
          () -> {
            throw new IllegalStateException("test");
          });
      TopicPartition partition = consumer.assignment().iterator().next();
      consumer.schedulePollTask(
          () -> List.of(100, 101, 102).forEach(at -> consumer.addRecord(record(partition, at))));
      assertThat(read.poll(60, TimeUnit.SECONDS))
          .isNotNull()
          .satisfies(record -> assertThat(record.offset()).isEqualTo(102));
    }
  }

  private static void exhaustMemory() {
    throw new OutOfMemoryError("test");
  }

  @Test
  void anErrorOfThePollIsNotTheEndOfReading() throws Exception {
    try (AnswerReader.Following following = reader.follow(user, TOPICS, soon())) {
      assertThat(following).isNotNull();
      TopicPartition partition = consumer.assignment().iterator().next();
      consumer.schedulePollTask(AnswerReaderTest::exhaustMemory);
      consumer.schedulePollTask(() -> consumer.addRecord(record(partition, 100)));
      assertThat(read.poll(60, TimeUnit.SECONDS)).isNotNull();
    }
    reader.follow(userApartFrom(user), TOPICS, soon()).close();
  }

  private TopicPartition partition(Topic topic) {
    return partitionsOf(user).stream()
        .filter(each -> each.topic().equals(topic.named("sandbox.")))
        .findFirst()
        .orElseThrow();
  }

  /** While the cause of a failure is looked for, the consumer polls without some partitions. */
  private void addOnceAssigned(TopicPartition partition, long offset) {
    consumer.schedulePollTask(
        () -> {
          if (consumer.assignment().contains(partition)) {
            consumer.addRecord(record(partition, offset));
          } else {
            addOnceAssigned(partition, offset);
          }
        });
  }

  private void assertRead(TopicPartition partition, long offset) throws InterruptedException {
    addOnceAssigned(partition, offset);
    ConsumerRecord<byte[], byte[]> next = read.poll(60, TimeUnit.SECONDS);
    assertThat(next).isNotNull();
    assertThat(next.topic()).isEqualTo(partition.topic());
    assertThat(next.offset()).isEqualTo(offset);
  }

  /** As after an OutOfMemoryError while it was decompressed. */
  @Test
  void aBatchThatFailedIsFetchedAgain() throws Exception {
    try (AnswerReader.Following following = reader.follow(user, TOPICS, soon())) {
      assertThat(following).isNotNull();
      consumer.broken = partition(Topic.EXITED);
      await().atMost(Duration.ofSeconds(60)).until(() -> consumer.broken == null);
      assertThat(reader.trouble(List.of(Topic.OUTPUT))).isNull();
      await().atMost(Duration.ofSeconds(60)).until(() -> consumer.paused().isEmpty());
      assertRead(partition(Topic.EXITED), 100);
      assertRead(partition(Topic.OUTPUT), 100);
    }
  }

  /** The consumer itself drops the answer of a broker that reports a damaged batch. */
  @Test
  void aFailureThatIsFoundInNoPartitionDropsNoRecords() throws Exception {
    try (AnswerReader.Following following = reader.follow(user, TOPICS, soon())) {
      assertThat(following).isNotNull();
      consumer.isReported = true;
      for (int i = 0; i < 5; i++) {
        assertRead(partition(Topic.OUTPUT), 100 + i);
      }
      // All five may have been read while the cause of the first failure was looked for.
      await()
          .atMost(Duration.ofSeconds(60))
          .untilAsserted(
              () -> assertThat(reader.trouble(TOPICS)).isInstanceOf(RetriableException.class));
    }
  }

  @Test
  void aBatchThatCannotBeReadDelaysNoOtherPartitionAndIsLeftOutInTheEnd() throws Exception {
    TopicPartition damaged = partition(Topic.EXITED);
    try (AnswerReader.Following following = reader.follow(user, TOPICS, soon())) {
      assertThat(following).isNotNull();
      consumer.updateEndOffsets(Map.of(damaged, 200L));
      consumer.damaged = damaged;
      await()
          .atMost(Duration.ofSeconds(60))
          .until(() -> reader.trouble(List.of(Topic.EXITED)) != null);
      assertThat(reader.trouble(List.of(Topic.EXITED)))
          .isInstanceOf(RetriableException.class)
          .hasMessageContaining(damaged.toString());
      assertThat(reader.trouble(List.of(Topic.OUTPUT))).isNull();
      int others = 0;
      while (consumer.isDamaged()) {
        assertRead(partition(Topic.OUTPUT), 100 + others++);
        assertThat(reader.trouble(List.of(Topic.OUTPUT))).isNull();
      }
      assertThat(others)
          .as("read meanwhile, of which each failure lets one pass")
          .isGreaterThan(20);
      await().atMost(Duration.ofSeconds(60)).until(() -> consumer.paused().isEmpty());
      assertRead(damaged, 200);
    }
  }

  @Test
  void aTopicThatMayNotBeReadDelaysNoOtherAndIsReadWhenItMay() throws Exception {
    try (AnswerReader.Following following = reader.follow(user, TOPICS, soon())) {
      assertThat(following).isNotNull();
      consumer.refused = "sandbox.exited";
      await().atMost(Duration.ofSeconds(60)).until(() -> reader.trouble(TOPICS) != null);
      assertThat(reader.trouble(TOPICS)).isInstanceOf(TopicAuthorizationException.class);
      assertThat(reader.trouble(List.of(Topic.OUTPUT))).isNull();
      for (int i = 0; i < 100; i++) {
        assertRead(partition(Topic.OUTPUT), 100 + i);
      }
      consumer.refused = "";
      assertRead(partition(Topic.EXITED), 100);
    }
  }

  @Test
  void theEndOfReadingEndsAllWaits() throws Exception {
    try (AnswerReader.Following following = reader.follow(user, TOPICS, soon())) {
      assertThat(following).isNotNull();
      consumer.schedulePollTask(
          () -> {
            Thread.currentThread().interrupt();
            throw new KafkaException("test");
          });
      assertThat(receiver.closed.await(60, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void aUserWhosePartitionsAreReadCostsNoCall() throws Exception {
    try (AnswerReader.Following following = reader.follow(user, TOPICS, soon())) {
      assertThat(following).isNotNull();
      asked.set(0);
      try (AnswerReader.Following again = reader.follow(user, TOPICS, soon())) {
        assertThat(again).isNotNull();
      }
      assertThat(asked).hasValue(0);
    }
  }

  @Test
  void aTopicThatDoesNotExistIsAnErrorAndALaterQuestionIsAnswered() throws Exception {
    assertThatThrownBy(() -> reader.follow(user, List.of(Topic.REAPED), soon()))
        .isInstanceOf(SandboxException.class)
        .hasMessageContaining("sandbox.reaped does not exist");
    add("sandbox.reaped", 1, 0);
    try (AnswerReader.Following following = reader.follow(user, List.of(Topic.REAPED), soon())) {
      assertThat(following).isNotNull();
    }
  }

  @Test
  void aDeadlineAndTheEndOfTheClientEndTheWait() {
    leaderless.addAll(partitionsOf(user));
    assertThatThrownBy(() -> reader.follow(user, TOPICS, Deadline.in(Duration.ofMillis(50))))
        .isInstanceOf(NoAnswerException.class);
    reader.close();
    assertThatThrownBy(() -> reader.follow(user, TOPICS, soon()))
        .isInstanceOf(ClientClosedException.class);
  }

  private static Set<TopicPartition> partitionsOf(UserId user) {
    PartitionMap map = new PartitionMap("sandbox.", null);
    Set<TopicPartition> partitions = new HashSet<>();
    for (Topic topic : TOPICS) {
      map.count(topic.named("sandbox."), PARTITIONS);
      partitions.addAll(map.of(user, topic));
    }
    return partitions;
  }

  private static UserId userApartFrom(UserId... others) {
    while (true) {
      UserId user = Samples.user();
      if (Stream.of(others).noneMatch(each -> partitionsOf(each).equals(partitionsOf(user)))) {
        return user;
      }
    }
  }

  @Test
  void aPartitionWithoutALeaderDelaysNoOtherUser() throws Exception {
    UserId unlucky = userApartFrom(user);
    UserId newcomer = userApartFrom(user, unlucky);
    leaderless.addAll(partitionsOf(unlucky));
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
        AnswerReader.Following following = reader.follow(user, TOPICS, soon())) {
      assertThat(following).isNotNull();
      Future<AnswerReader.Following> late =
          threads.submit(() -> reader.follow(unlucky, TOPICS, soon()));
      reader.follow(newcomer, TOPICS, Deadline.in(Duration.ofSeconds(10))).close();
      for (TopicPartition partition : partitionsOf(user)) {
        consumer.addRecord(record(partition, 100));
        assertThat(read.poll(60, TimeUnit.SECONDS)).isNotNull();
      }
      assertThat(late).isNotDone();
      leaderless.clear();
      late.get(30, TimeUnit.SECONDS).close();
    }
  }

  @Test
  void theDeadlineOfSomebodyWhosePartitionHasNoLeaderSaysWhich() {
    Set<TopicPartition> partitions = partitionsOf(user);
    leaderless.addAll(partitions);
    assertThatThrownBy(() -> reader.follow(user, TOPICS, Deadline.in(Duration.ofSeconds(10))))
        .isInstanceOf(NoAnswerException.class)
        .rootCause()
        .message()
        .containsAnyOf(partitions.stream().map(TopicPartition::toString).toArray(String[]::new));
  }

  @Test
  void aTopicThatDoesNotExistFailsOnlyThoseWhoAskForIt() throws Exception {
    leaderless.addAll(partitionsOf(user));
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<AnswerReader.Following> waiting =
          threads.submit(() -> reader.follow(user, TOPICS, soon()));
      for (int i = 0; i < 3; i++) {
        assertThatThrownBy(() -> reader.follow(user, List.of(Topic.EXPIRING), soon()))
            .isInstanceOf(SandboxException.class)
            .hasMessageContaining("sandbox.expiring does not exist");
      }
      leaderless.clear();
      waiting.get(30, TimeUnit.SECONDS).close();
    }
  }
}
