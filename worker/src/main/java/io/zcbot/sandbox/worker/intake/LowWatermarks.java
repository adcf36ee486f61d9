/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.sandbox.Time;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntPredicate;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * The instant up to which the activity of each partition has been read. The end of the log comes
 * from the brokers, not from the last fetch, which would go on reporting no lag while the brokers
 * are away. Once the consumer has reached that end, everything older than the request has been
 * read.
 *
 * <p>Low watermarks are read on any thread; all else is confined to the follower's.
 */
final class LowWatermarks {
  /** Agents can't report use while Kafka is away; they get this much time after it is back. */
  private static final Duration GRACE = Duration.ofSeconds(30);

  private final Duration window;
  private final Duration callTimeout;
  private final Time time;
  private final Map<Integer, Long> lowWatermarks = new ConcurrentHashMap<>();
  private volatile Map<Integer, Long> followedSince = Map.of();
  private final PartitionQuestions<TopicPartition> questions;
  private final Map<TopicPartition, Probe> probes = new HashMap<>();
  private final Map<TopicPartition, Long> answers = new HashMap<>();
  private final Map<TopicPartition, Long> graceEnds = new HashMap<>();

  /** When those were asked about that are in doubt, since one of them did not answer. */
  private final Map<TopicPartition, Long> doubts = new HashMap<>();

  private @Nullable Long lastAnswer;

  /** The log's end as seen at an instant. */
  private record Probe(long end, long at) {}

  /**
   * No partition was read yet.
   *
   * @param window how far back activity counts
   * @param callTimeout how long the brokers may be silent before that counts as an outage
   */
  LowWatermarks(Duration window, Duration callTimeout, Time time) {
    this.window = window;
    this.callTimeout = callTimeout;
    this.time = time;
    this.questions = new PartitionQuestions<>(time);
  }

  /**
   * Where all of some partitions are read up to, on the monotonic clock; empty where one of those
   * that are followed never was.
   */
  OptionalLong of(IntPredicate partitions) {
    OptionalLong least = OptionalLong.empty();
    for (int number : followedSince.keySet()) {
      if (partitions.test(number)) {
        Long at = lowWatermarks.get(number);
        if (at == null) {
          return OptionalLong.empty();
        }
        least = OptionalLong.of(least.isEmpty() ? at : Math.min(least.getAsLong(), at));
      }
    }
    return least;
  }

  /**
   * How long ago each partition had last been read to its end, or where it never was, for how long
   * it has been followed.
   */
  Map<Integer, Duration> ages() {
    long now = time.nanos();
    return followedSince.entrySet().stream()
        .collect(
            Collectors.toMap(
                Map.Entry::getKey,
                e -> Duration.ofNanos(now - lowWatermarks.getOrDefault(e.getKey(), e.getValue()))));
  }

  /**
   * How long ago a record was appended. Clocks may have been set meanwhile, so theirs is not the
   * only word: a record that was not there when the partition was last read to its end is no older
   * than that.
   */
  long age(int partition, Instant appended) {
    long byClock = time.age(appended);
    Long lowWatermark = lowWatermarks.get(partition);
    return lowWatermark == null ? byClock : Math.min(byClock, time.nanos() - lowWatermark);
  }

  /** A new consumer begins. */
  void forgetProbes() {
    probes.clear();
    doubts.clear();
  }

  /** Only these partitions are followed from now on. */
  void retain(Set<TopicPartition> partitions) {
    probes.keySet().retainAll(partitions);
    long now = time.nanos();
    answers.keySet().retainAll(partitions);
    graceEnds.keySet().retainAll(partitions);
    doubts.keySet().retainAll(partitions);
    for (TopicPartition partition : partitions) {
      answers.putIfAbsent(partition, lastAnswer == null ? now : lastAnswer);
    }
    Map<Integer, Long> before = followedSince;
    followedSince =
        partitions.stream()
            .map(TopicPartition::partition)
            .distinct()
            .collect(Collectors.toMap(number -> number, n -> before.getOrDefault(n, now)));
    lowWatermarks.keySet().retainAll(followedSince.keySet());
  }

  /**
   * Asks the brokers for the ends of partitions. Where a leader does not answer, the low watermark
   * of its partition alone stands still.
   *
   * @param partitions all that are read
   * @param all whether to ask about all, or only about one of those that did not answer
   */
  void probe(Consumer<byte[], byte[]> consumer, Set<TopicPartition> partitions, boolean all) {
    PartitionQuestions.Question<TopicPartition> question =
        (some, limit) -> {
          long at = time.nanos();
          try {
            consumer
                .endOffsets(some, limit)
                .forEach((partition, end) -> probes.putIfAbsent(partition, new Probe(end, at)));
          } catch (TimeoutException e) {
            noteSilence(some, at);
            throw e;
          }
          some.forEach(this::noteAnswer);
          noteAnswer();
        };
    if (all) {
      questions.ask(partitions, question);
    }
    questions.ask(questions.unanswered(partitions), question);
  }

  /** Whether some of these partitions may answer. */
  boolean areReached(Set<TopicPartition> partitions) {
    return questions.unanswered(partitions).size() < partitions.size();
  }

  /** Which partitions can't be reached; null while all can. Any thread. */
  @Nullable String problem() {
    return questions.problem();
  }

  /** Why they don't. */
  String failure() {
    return questions.failure();
  }

  /** The brokers answered, whatever the question. */
  void noteAnswer() {
    lastAnswer = time.nanos();
  }

  private void noteSilence(Set<TopicPartition> of, long asked) {
    if (of.size() == 1) {
      doubts.keySet().removeAll(of);
    } else {
      of.forEach(partition -> doubts.put(partition, asked));
    }
  }

  /**
   * The time of an outage does not count, because agents could not report use. That another
   * partition of the same question did not answer is no outage of this one.
   */
  private void noteAnswer(TopicPartition partition) {
    long now = time.nanos();
    Long doubted = doubts.remove(partition);
    long until = doubted == null ? now : doubted;
    Long before = answers.put(partition, now);
    if (before != null && until - before > callTimeout.toNanos()) {
      Duration grace = window.compareTo(GRACE) < 0 ? window : GRACE;
      graceEnds.put(partition, now + grace.toNanos());
    }
  }

  /** Moves the low watermarks of partitions whose probed end was reached. */
  void settle(Consumer<byte[], byte[]> consumer) {
    probes
        .entrySet()
        .removeIf(
            entry -> {
              TopicPartition partition = entry.getKey();
              Probe probe = entry.getValue();
              if (position(consumer, partition) < probe.end()) {
                return false;
              }
              Long graceEnd = graceEnds.get(partition);
              if (graceEnd == null || probe.at() - graceEnd >= 0) {
                lowWatermarks.merge(partition.partition(), probe.at(), Math::max);
              }
              return true;
            });
  }

  /** What the client knows; nothing while it asks a new leader whether that is in the log. */
  private static long position(Consumer<byte[], byte[]> consumer, TopicPartition partition) {
    try {
      return consumer.position(partition, Duration.ZERO);
    } catch (TimeoutException _) {
      return -1;
    }
  }
}
