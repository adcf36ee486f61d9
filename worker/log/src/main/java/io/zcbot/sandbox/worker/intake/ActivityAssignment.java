/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.kafka.PartitionOffsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.IntPredicate;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * Decides which partitions of the activity topic the follower reads, and from which offset. The
 * offsets outlive the consumer: if a new consumer read a record a second time, the follower would
 * take the record for one that was appended after the low watermark. Confined to the follower's
 * thread, except for {@link #problem}.
 */
final class ActivityAssignment {
  /** For answers that come at once, as they usually do. */
  private static final Duration BRIEFLY = Duration.ofMillis(100);

  private final String topic;
  private final int count;
  private final Supplier<Duration> window;
  private final Time time;
  private final Map<TopicPartition, Long> next = new HashMap<>();
  private final PartitionOffsets offsets;
  private final PartitionAnswers<TopicPartition, PartitionOffsets.Span> answers;

  /**
   * Assigns no partitions yet.
   *
   * @param count the number of partitions that every topic has
   * @param window how far back in time reading of a new partition begins
   */
  ActivityAssignment(
      PartitionOffsets offsets, String topic, int count, Supplier<Duration> window, Time time) {
    this.offsets = offsets;
    this.topic = topic;
    this.count = count;
    this.window = window;
    this.time = time;
    this.answers = new PartitionAnswers<>(time);
  }

  /**
   * The activity partitions that belong to the ensure partitions served by this worker.
   *
   * @param ensures whether this worker serves an ensure partition
   */
  Set<TopicPartition> target(IntPredicate ensures) {
    return IntStream.range(0, count)
        .filter(ensures)
        .mapToObj(number -> new TopicPartition(topic, number))
        .collect(Collectors.toSet());
  }

  /**
   * Lets a new consumer continue where the previous one stopped. A partition that was last read to
   * its end before the window began is started anew, because a batch that cannot be read would
   * otherwise stop it for ever.
   *
   * @param ages by partition: how long ago it was last read to its end, or else began to be read
   */
  void resume(Consumer<byte[], byte[]> consumer, Map<Integer, Duration> ages) {
    Duration longest = window.get();
    next.keySet()
        .removeIf(
            partition ->
                ages.getOrDefault(partition.partition(), Duration.ZERO).compareTo(longest) > 0);
    consumer.assign(Set.copyOf(next.keySet()));
    next.forEach(consumer::seek);
  }

  /** Notes the offsets from which the consumer continues. */
  void advance(Map<TopicPartition, OffsetAndMetadata> reached) {
    reached.forEach((partition, offset) -> next.replace(partition, offset.offset()));
  }

  /**
   * Reads these partitions from now on. A new partition is read from the start of the window, and
   * is assigned only once its leader has answered, so the caller repeats this until all are
   * assigned.
   */
  void change(Consumer<byte[], byte[]> consumer, Set<TopicPartition> target) {
    Set<TopicPartition> assigned = new HashSet<>(consumer.assignment());
    assigned.retainAll(target);
    Set<TopicPartition> added = new HashSet<>(target);
    added.removeAll(assigned);
    Map<TopicPartition, Long> starts = new HashMap<>();
    if (answers.ask(added, some -> offsets.since(some, time.now().minus(window.get())))) {
      answers.await(BRIEFLY);
    }
    answers.take().forEach((partition, span) -> starts.put(partition, span.start()));
    assigned.addAll(starts.keySet());
    consumer.assign(assigned);
    starts.forEach(consumer::seek);
    next.keySet().retainAll(target);
    next.putAll(starts);
  }

  /** Names the partitions that can't be reached; null while all can. Any thread. */
  @Nullable String problem() {
    return answers.problem();
  }

  /** Whether at least one of these partitions is not known to be out of reach. */
  boolean areReached(Set<TopicPartition> partitions) {
    return answers.unanswered(partitions).size() < partitions.size();
  }

  /** Why the last question was not answered. */
  String failure() {
    return answers.failure();
  }
}
