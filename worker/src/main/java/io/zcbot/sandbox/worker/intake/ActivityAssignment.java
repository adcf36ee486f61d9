/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.kafka.LogRange;
import io.zcbot.sandbox.worker.sandbox.Time;
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
 * Which partitions of activity are read, and from where on. What was reached outlives the consumer:
 * a record that is read again would pass for one of after the low watermark.
 */
final class ActivityAssignment {
  private final String topic;
  private final int homes;
  private final Supplier<Duration> window;
  private final Duration callTimeout;
  private final Time time;
  private final Map<TopicPartition, Long> next = new HashMap<>();
  private final PartitionQuestions<TopicPartition> questions;

  /**
   * Assigns nothing by itself.
   *
   * @param homes how many partitions there are of the other topics. This one may have been raised
   * @param window how far back to begin
   */
  ActivityAssignment(
      String topic, int homes, Supplier<Duration> window, Duration callTimeout, Time time) {
    this.topic = topic;
    this.homes = homes;
    this.window = window;
    this.callTimeout = callTimeout;
    this.time = time;
    this.questions = new PartitionQuestions<>(time);
  }

  /** The partition of ensures with which a partition of activity comes. */
  int home(int number) {
    return number % homes;
  }

  /** The partitions that come with those of ensures whose users are served here. */
  Set<TopicPartition> target(Consumer<byte[], byte[]> consumer, IntPredicate ensures) {
    if (IntStream.range(0, homes).noneMatch(ensures)) {
      return Set.of();
    }
    int count = Math.max(homes, consumer.partitionsFor(topic, callTimeout).size());
    return IntStream.range(0, count)
        .filter(number -> ensures.test(home(number)))
        .mapToObj(number -> new TopicPartition(topic, number))
        .collect(Collectors.toSet());
  }

  /**
   * A new consumer reads on where the one before it was. A partition that was last read to its end
   * before the window began is begun anew, or a batch that can't be read would stop it for ever.
   *
   * @param ages how long ago each partition had last been read to its end, or began to be read
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

  /** Notes from where the consumer reads on. */
  void advance(Map<TopicPartition, OffsetAndMetadata> reached) {
    reached.forEach((partition, offset) -> next.replace(partition, offset.offset()));
  }

  /**
   * Reads these partitions from now on, and new ones from the start of the window, once their
   * leaders answer: it is called until all of them are assigned.
   */
  void change(Consumer<byte[], byte[]> consumer, Set<TopicPartition> target) {
    Set<TopicPartition> assigned = new HashSet<>(consumer.assignment());
    assigned.retainAll(target);
    Set<TopicPartition> added = new HashSet<>(target);
    added.removeAll(assigned);
    Map<TopicPartition, Long> starts = new HashMap<>();
    questions.ask(
        added,
        (some, limit) ->
            starts.putAll(
                LogRange.since(consumer, some, time.now().minus(window.get()), limit).starts()));
    assigned.addAll(starts.keySet());
    consumer.assign(assigned);
    starts.forEach(consumer::seek);
    next.keySet().retainAll(target);
    next.putAll(starts);
  }

  /** Which partitions can't be reached; null while all can. Any thread. */
  @Nullable String problem() {
    return questions.problem();
  }

  /** Why they don't. */
  String failure() {
    return questions.failure();
  }
}
