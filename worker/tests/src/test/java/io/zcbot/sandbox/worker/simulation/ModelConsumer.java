/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;

/** A consumer that assigns its partitions to itself. */
class ModelConsumer extends MockConsumer<byte[], byte[]> {
  private static final Duration API_TIMEOUT = Duration.ofSeconds(60);
  static final Comparator<TopicPartition> ORDER =
      Comparator.comparing(TopicPartition::topic).thenComparing(TopicPartition::partition);

  final ModelBroker broker;
  final Machine machine;
  final Machine.Process process;
  private final int most;
  final Set<TopicPartition> assignment = new LinkedHashSet<>();
  final Map<TopicPartition, Long> positions = new HashMap<>();
  private final Set<TopicPartition> paused = new HashSet<>();

  /** The end offsets in the last answer of the brokers. */
  private final Map<TopicPartition, Long> ends = new HashMap<>();

  private boolean woken;

  ModelConsumer(ModelBroker broker, int most) {
    super("earliest");
    this.broker = broker;
    this.machine = broker.machine;
    this.process = machine.process();
    this.most = most;
  }

  @Override
  public ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
    // A thread that waits may come to run later than it could.
    long deadline = machine.nanos() + timeout.toNanos() * (1 + machine.random().nextInt(6));
    while (true) {
      if (woken) {
        woken = false;
        throw new WakeupException();
      }
      update();
      ConsumerRecords<byte[], byte[]> records = fetch();
      if (!records.nextOffsets().isEmpty() || machine.nanos() >= deadline) {
        return records;
      }
      Set<String> topics = new HashSet<>();
      assignment.forEach(partition -> topics.add(partition.topic()));
      broker.awaitNews(topics, deadline);
    }
  }

  /** Further steps of a poll. */
  void update() {}

  private ConsumerRecords<byte[], byte[]> fetch() {
    List<TopicPartition> waiting = readable();
    if (!waiting.isEmpty()) {
      broker.sleep(broker.latency());
      broker.dawdle(waiting.getFirst().topic());
    }
    for (TopicPartition partition : assignment) {
      if (broker.reaches(process, partition)) {
        ends.put(partition, broker.log(partition.topic(), partition.partition()).endForWorkers());
      }
    }
    Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> records = new LinkedHashMap<>();
    Map<TopicPartition, OffsetAndMetadata> next = new HashMap<>();
    int left = 1 + machine.random().nextInt(most);
    for (TopicPartition partition : readable()) {
      ModelBroker.Log log = broker.log(partition.topic(), partition.partition());
      long from = position(partition);
      List<ConsumerRecord<byte[], byte[]>> some = new ArrayList<>();
      for (ConsumerRecord<byte[], byte[]> record : log.records) {
        if (record.offset() >= from && log.isForWorkers(record.offset()) && left > 0) {
          some.add(record);
          left--;
        }
      }
      long to =
          left > 0 ? log.endForWorkers() : some.isEmpty() ? from : some.getLast().offset() + 1;
      if (to > from) {
        positions.put(partition, to);
        next.put(partition, new OffsetAndMetadata(to));
        if (!some.isEmpty()) {
          records.put(partition, some);
        }
      }
    }
    return new ConsumerRecords<>(records, next);
  }

  private List<TopicPartition> readable() {
    List<TopicPartition> readable = new ArrayList<>();
    for (TopicPartition partition : assignment) {
      broker.authorize(partition.topic());
      if (!paused.contains(partition)
          && broker.reaches(process, partition)
          && positions.getOrDefault(partition, -1L)
              < broker.log(partition.topic(), partition.partition()).endForWorkers()) {
        readable.add(partition);
      }
    }
    readable.sort(ORDER);
    return readable;
  }

  @Override
  public long position(TopicPartition partition) {
    return position(partition, API_TIMEOUT);
  }

  @Override
  public long position(TopicPartition partition, Duration timeout) {
    Long known = positions.get(partition);
    if (known == null) {
      known = begin(partition, timeout);
      positions.put(partition, known);
    }
    return known;
  }

  /** The offset to begin at. */
  long begin(TopicPartition partition, Duration timeout) {
    broker.request(partition.topic(), Set.of(partition), timeout);
    return broker.log(partition.topic(), partition.partition()).start;
  }

  @Override
  public Set<TopicPartition> assignment() {
    return new LinkedHashSet<>(assignment);
  }

  @Override
  public void assign(Collection<TopicPartition> partitions) {
    assignment.clear();
    partitions.stream().sorted(ORDER).forEach(assignment::add);
    positions.keySet().retainAll(assignment);
    paused.retainAll(assignment);
  }

  @Override
  public void seek(TopicPartition partition, long offset) {
    positions.put(partition, offset);
  }

  @Override
  public void seek(TopicPartition partition, OffsetAndMetadata to) {
    seek(partition, to.offset());
  }

  @Override
  public void pause(Collection<TopicPartition> partitions) {
    paused.addAll(partitions);
  }

  @Override
  public void resume(Collection<TopicPartition> partitions) {
    paused.removeAll(partitions);
  }

  @Override
  public Set<TopicPartition> paused() {
    return new HashSet<>(paused);
  }

  void forget(Collection<TopicPartition> gone) {
    assignment.removeAll(gone);
    paused.removeAll(gone);
    positions.keySet().removeAll(gone);
  }

  @Override
  public OptionalLong currentLag(TopicPartition partition) {
    Long end = ends.get(partition);
    return end == null
        ? OptionalLong.empty()
        : OptionalLong.of(Math.max(0, end - positions.getOrDefault(partition, 0L)));
  }

  private void ask(Collection<TopicPartition> partitions, Duration timeout) {
    Set<String> topics = new LinkedHashSet<>();
    partitions.forEach(partition -> topics.add(partition.topic()));
    topics.forEach(
        topic ->
            broker.request(
                topic, partitions.stream().filter(p -> p.topic().equals(topic)).toList(), timeout));
  }

  @Override
  public Map<TopicPartition, Long> endOffsets(
      Collection<TopicPartition> partitions, Duration timeout) {
    if (timeout.isZero()) {
      return Map.of(); // each poll notes the answer
    }
    ask(partitions, timeout);
    Map<TopicPartition, Long> ends = new HashMap<>();
    partitions.forEach(p -> ends.put(p, broker.log(p.topic(), p.partition()).endForWorkers()));
    return ends;
  }

  @Override
  public Map<TopicPartition, Long> beginningOffsets(
      Collection<TopicPartition> partitions, Duration timeout) {
    ask(partitions, timeout);
    Map<TopicPartition, Long> starts = new HashMap<>();
    partitions.forEach(p -> starts.put(p, broker.log(p.topic(), p.partition()).start));
    return starts;
  }

  @Override
  public Map<TopicPartition, OffsetAndTimestamp> offsetsForTimes(
      Map<TopicPartition, Long> times, Duration timeout) {
    ask(times.keySet(), timeout);
    Map<TopicPartition, OffsetAndTimestamp> found = new HashMap<>();
    times.forEach(
        (partition, time) ->
            found.put(
                partition,
                broker.log(partition.topic(), partition.partition()).records.stream()
                    .filter(record -> record.timestamp() >= time)
                    .findFirst()
                    .map(record -> new OffsetAndTimestamp(record.offset(), record.timestamp()))
                    .orElse(null)));
    return found;
  }

  @Override
  public List<PartitionInfo> partitionsFor(String topic, Duration timeout) {
    if (assignment.stream().noneMatch(partition -> partition.topic().equals(topic))) {
      broker.request(topic, timeout); // otherwise it knows
    }
    List<PartitionInfo> all = new ArrayList<>();
    for (int i = 0; i < broker.partitions; i++) {
      all.add(new PartitionInfo(topic, i, null, null, null));
    }
    return all;
  }

  @Override
  public void wakeup() {
    woken = true;
    broker.news();
  }

  @Override
  public void close() {}

  @Override
  public void close(CloseOptions options) {}
}
