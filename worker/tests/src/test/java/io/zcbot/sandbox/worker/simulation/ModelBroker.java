/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.GroupAuthorizationException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.jspecify.annotations.Nullable;

/** The topics, and which clients can reach which parts of the brokers. */
final class ModelBroker {
  /** The group's coordinator. */
  static final String COORDINATOR = "coordinator";

  /** Writes to any topic. */
  static final String PRODUCE = "produce";

  /** The leader of this partition is the coordinator. */
  private static final TopicPartition OFFSETS = new TopicPartition("__consumer_offsets", 0);

  private static final Map<String, Topic> TOPICS =
      Arrays.stream(Topic.values())
          .collect(Collectors.toMap(ModelBroker::name, Function.identity()));

  final Machine machine;
  final int partitions;
  final ModelGroup group;
  private @Nullable Leaders leaders;
  private @Nullable Stalls stalls;
  private final KeyPartitions keys;
  private final Map<Topic, List<Log>> logs = new EnumMap<>(Topic.class);
  private final Set<String> away = new LinkedHashSet<>();
  private final Set<String> denied = new HashSet<>();
  private final Map<Machine.Process, Set<String>> cut = new HashMap<>();
  private final Map<Machine.Process, Duration> slowReads = new HashMap<>();
  private final List<Waiter> waiters = new ArrayList<>();
  private final Appended appended;
  private final Map<TopicPartition, OffsetAndMetadata> committedOfCommands = new HashMap<>();
  private final Map<Topic, Set<String>> late = new EnumMap<>(Topic.class);
  private BiConsumer<TopicPartition, Long> onCommitOfCommands = (_, _) -> {};

  /** A poll that waits for records of some topics. */
  private record Waiter(Set<String> topics, CompletableFuture<Object> news) {}

  /** Receives each record. */
  interface Appended {
    void record(Topic topic, ConsumerRecord<byte[], byte[]> record);
  }

  /** One partition. */
  static final class Log {
    final List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
    long start;
    long end;

    /** The offsets of records whose transactions have not ended yet. */
    private final NavigableSet<Long> open = new TreeSet<>();

    private final Set<Long> aborted = new HashSet<>();

    /** The last stable offset, at which clients stop that read committed records only. */
    private long stable() {
      return open.isEmpty() ? end : open.first();
    }

    /** The end offset at which a worker stops to read. */
    long endForWorkers() {
      return Mutations.active == Mutation.READ_COMMITTED ? stable() : end;
    }

    boolean isForWorkers(long offset) {
      return Mutations.active != Mutation.READ_COMMITTED
          || (offset < stable() && !aborted.contains(offset));
    }
  }

  ModelBroker(Machine machine, int partitions, Appended appended) {
    this.machine = machine;
    this.partitions = partitions;
    this.keys = new KeyPartitions(partitions);
    this.appended = appended;
    this.group = new ModelGroup(this);
    for (Topic topic : Topic.values()) {
      logs.put(topic, Stream.generate(Log::new).limit(partitions).toList());
    }
  }

  void of(Leaders led, Stalls stalling) {
    leaders = led;
    stalls = stalling;
  }

  static String name(Topic topic) {
    return topic.named(Topic.DEFAULT_PREFIX);
  }

  Log log(Topic topic, int partition) {
    return logs.get(topic).get(partition);
  }

  Log log(String topic, int partition) {
    return log(topicOf(topic), partition);
  }

  private static Topic topicOf(String name) {
    return TOPICS.get(name);
  }

  int partitionOf(byte[] key) {
    return key == null ? 0 : keys.of(key);
  }

  /** Appends a record with its producer's time, or the current time. */
  ConsumerRecord<byte[], byte[]> append(ProducerRecord<byte[], byte[]> sent) {
    String topicName = sent.topic();
    Integer partition = sent.partition();
    byte[] key = sent.key();
    Topic topic = topicOf(topicName);
    int to = partition == null ? partitionOf(key) : partition;
    Log log = log(topic, to);
    if (machine.random().nextInt(20) == 0) {
      log.end += 1 + machine.random().nextInt(2); // of records that went
    }
    ConsumerRecord<byte[], byte[]> record =
        new ConsumerRecord<>(
            topicName,
            to,
            log.end,
            sent.timestamp() == null
                ? machine.wall(machine.nanos()).toEpochMilli()
                : sent.timestamp(),
            TimestampType.CREATE_TIME,
            0,
            0,
            key,
            sent.value(),
            new RecordHeaders(sent.headers().toArray()),
            Optional.empty());
    log.records.add(record);
    log.end++;
    machine.trace(topicName + to + "@" + record.offset() + "t" + record.timestamp());
    appended.record(topic, record);
    news(topicName);
    return record;
  }

  /**
   * A record that the owner of a user's partition had handed to its producer arrived when another
   * worker owned the partition: a fence is not a transaction.
   */
  void tookLate(ProducerRecord<byte[], byte[]> record) {
    late.computeIfAbsent(topicOf(record.topic()), _ -> new HashSet<>())
        .add(new String(record.key(), StandardCharsets.UTF_8));
  }

  /** The keys of such records of a topic. */
  Set<String> late(Topic topic) {
    return late.getOrDefault(topic, Set.of());
  }

  /** Adds the record to an open transaction. */
  void open(ConsumerRecord<?, ?> record) {
    log(record.topic(), record.partition()).open.add(record.offset());
  }

  /**
   * Ends the record's transaction. Workers read the record in any case, and see a marker as an
   * offset without a record.
   */
  void end(ConsumerRecord<?, ?> record, boolean commit) {
    Log log = log(record.topic(), record.partition());
    log.open.remove(record.offset());
    if (!commit) {
      log.aborted.add(record.offset());
    }
    log.end++;
    news(record.topic());
  }

  /** Removes what a later record of the same key supersedes. */
  void compact(Topic topic) {
    for (Log log : logs.get(topic)) {
      Set<String> later = new HashSet<>();
      List<ConsumerRecord<byte[], byte[]>> kept = new ArrayList<>();
      for (ConsumerRecord<byte[], byte[]> record : log.records.reversed()) {
        if (later.add(new String(record.key(), StandardCharsets.UTF_8))
            && (record.value() != null || kept.isEmpty())) {
          kept.addFirst(record);
        }
      }
      log.records.clear();
      log.records.addAll(kept);
    }
  }

  // The group of the commands, which nobody joins.

  @Nullable OffsetAndMetadata committedOfCommands(TopicPartition partition) {
    return committedOfCommands.get(partition);
  }

  void commitOfCommands(Map<TopicPartition, OffsetAndMetadata> offsets) {
    offsets.forEach(
        (partition, to) -> {
          committedOfCommands.put(partition, to);
          machine.trace(partition + "@" + to.offset());
          onCommitOfCommands.accept(partition, to.offset());
        });
  }

  void onCommitOfCommands(BiConsumer<TopicPartition, Long> observer) {
    onCommitOfCommands = observer;
  }

  // Who reaches what.

  void away(String what) {
    away.add(what);
  }

  void back(String what) {
    away.remove(what);
    if (what.equals(COORDINATOR)) {
      group.resumed();
    }
    news();
  }

  boolean isAway(String what) {
    return away.contains(what);
  }

  void deny(String what) {
    denied.add(what);
    news();
  }

  void allow(String what) {
    denied.remove(what);
    news();
  }

  /** Cuts off this process only. */
  void cut(Machine.Process process, String what) {
    cut.computeIfAbsent(process, _ -> new HashSet<>()).add(what);
  }

  void mend(Machine.Process process) {
    cut.remove(process);
    news();
  }

  void slowReads(Machine.Process process, Duration by) {
    slowReads.put(process, by);
  }

  boolean reaches(Machine.Process process, String what) {
    return !away.contains(what)
        && !cut.getOrDefault(process, Set.of()).contains(what)
        && (!what.equals(COORDINATOR) || reachesLeader(process, OFFSETS));
  }

  /** Whether a process reaches a topic and the leader of this partition. */
  boolean reaches(Machine.Process process, TopicPartition partition) {
    return reaches(process, partition.topic()) && reachesLeader(process, partition);
  }

  boolean reachesLeader(Machine.@Nullable Process process, TopicPartition partition) {
    return leaders == null || leaders.reaches(process, partition);
  }

  /** Throws if the process has no permission. */
  void authorize(String what) {
    if (denied.contains(what)) {
      throw what.equals(COORDINATOR)
          ? GroupAuthorizationException.forGroupId("workers")
          : new TopicAuthorizationException(Set.of(what));
    }
  }

  boolean isDenied(String what) {
    return denied.contains(what);
  }

  Duration latency() {
    return Duration.ofNanos(500_000L + machine.random().nextInt(3_000_000));
  }

  /** Sends a request and returns at its answer; waits while it can't be sent. */
  void request(String what, Duration limit) {
    request(what, List.of(), limit);
  }

  /** A request to the leaders of some partitions of a topic. */
  void request(String what, Collection<TopicPartition> partitions, Duration limit) {
    Machine.Process process = machine.process();
    long deadline = machine.nanos() + limit.toNanos();
    sleep(latency());
    while (!reaches(process, what)
        || !partitions.stream().allMatch(partition -> reachesLeader(process, partition))) {
      long left = deadline - machine.nanos();
      if (left <= 0) {
        throw new TimeoutException(what + " is not reached within " + limit);
      }
      sleep(Duration.ofNanos(Math.min(left, 100_000_000L)));
    }
    authorize(what);
  }

  /** A fetch of a topic by a process that reads it slowly. */
  void dawdle(String topic) {
    Duration by = slowReads.get(machine.process());
    if (by != null && topic.equals(name(Topic.LIVE))) {
      sleep(by);
    }
  }

  /** The stalls of threads that poll. */
  Stalls stalls() {
    return Objects.requireNonNull(stalls);
  }

  void sleep(Duration time) {
    try {
      machine.sleep(time);
    } catch (InterruptedException e) {
      throw new InterruptException(e);
    }
  }

  /** Waits until a topic has a new record, something else happened, or a time is reached. */
  void awaitNews(Set<String> topics, long deadline) {
    Waiter waiter = new Waiter(topics, new CompletableFuture<>());
    waiters.add(waiter);
    try {
      Hooks.get(waiter.news, deadline - machine.nanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      throw new InterruptException(e);
    } catch (java.util.concurrent.TimeoutException _) {
      waiters.remove(waiter);
    } catch (ExecutionException e) {
      throw new IllegalStateException(e);
    }
  }

  void news() {
    tell(List.copyOf(waiters));
  }

  private void news(String topic) {
    tell(waiters.stream().filter(waiter -> waiter.topics.contains(topic)).toList());
  }

  private void tell(List<Waiter> waiting) {
    waiters.removeAll(waiting);
    waiting.forEach(waiter -> waiter.news.complete(true));
  }
}
