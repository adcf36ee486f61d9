/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.kafka.PartitionOffsets;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * The instant up to which the activity of each partition has been read. The end of the log comes
 * from the brokers, not from the last fetch, which would still report no lag while the brokers are
 * away. Once the consumer has reached that end, everything older than the request has been read.
 *
 * <p>Any thread may read low watermarks; everything else is confined to the follower's thread.
 */
final class LowWatermarks {
  /** Agents can't report use while Kafka is away; they get this much time once it is back. */
  private static final Duration GRACE = Duration.ofSeconds(30);

  private final Duration window;
  private final Duration callTimeout;
  private final Time time;
  private final Map<Integer, Long> lowWatermarks = new ConcurrentHashMap<>();
  private volatile Map<Integer, Long> followedSince = Map.of();
  private final PartitionOffsets offsets;
  private final PartitionAnswers<TopicPartition, Probe> ends;
  private final Map<TopicPartition, Probe> probes = new HashMap<>();
  private final Map<TopicPartition, Long> answers = new HashMap<>();
  private final Map<TopicPartition, Long> graceEnds = new HashMap<>();

  private @Nullable Long lastAnswer;

  /** The end of a partition, and when the brokers were asked for it. */
  private record Probe(long end, long at) {}

  /**
   * Starts without partitions.
   *
   * @param window how far back in time activity counts
   * @param callTimeout a silence of the brokers that is longer counts as an outage
   */
  LowWatermarks(PartitionOffsets offsets, Duration window, Duration callTimeout, Time time) {
    this.offsets = offsets;
    this.window = window;
    this.callTimeout = callTimeout;
    this.time = time;
    this.ends = new PartitionAnswers<>(time);
  }

  /**
   * The instant up to which a partition was read, on the monotonic clock; empty if it is not
   * followed, or was never read to its end.
   */
  OptionalLong of(int partition) {
    Long at = lowWatermarks.get(partition);
    return at == null ? OptionalLong.empty() : OptionalLong.of(at);
  }

  /**
   * By partition: how long ago it was last read to its end, or, if it never was, for how long it
   * has been followed.
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
   * The age of a record in nanoseconds. A clock may have been set meanwhile, so the record's time
   * alone does not decide: a record that was not in the log when the partition was last read to its
   * end is not older than that.
   */
  long age(int partition, Instant appended) {
    long byClock = time.age(appended);
    Long lowWatermark = lowWatermarks.get(partition);
    return lowWatermark == null ? byClock : Math.min(byClock, time.nanos() - lowWatermark);
  }

  /** Forgets pending questions, because a new consumer begins. */
  void forgetProbes() {
    probes.clear();
  }

  /** Follows only these partitions from now on. */
  void retain(Set<TopicPartition> partitions) {
    probes.keySet().retainAll(partitions);
    long now = time.nanos();
    answers.keySet().retainAll(partitions);
    graceEnds.keySet().retainAll(partitions);
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
   * Asks the brokers for the ends of partitions, and notes the answers that have come. If a leader
   * does not answer, only the low watermark of its own partition stands still.
   *
   * @param partitions all that are read
   * @param isDue whether to ask, too
   * @return whether an answer has come
   */
  boolean probe(Set<TopicPartition> partitions, boolean isDue) {
    if (isDue) {
      var _ = ends.ask(partitions, this::ask);
    }
    Map<TopicPartition, Probe> come = ends.take();
    come.keySet().retainAll(partitions);
    come.forEach(probes::putIfAbsent);
    come.keySet().forEach(this::noteAnswer);
    if (!come.isEmpty()) {
      noteAnswer();
    }
    return !come.isEmpty();
  }

  private Map<TopicPartition, CompletableFuture<Probe>> ask(Set<TopicPartition> partitions) {
    long at = time.nanos();
    Map<TopicPartition, CompletableFuture<Probe>> asked = new HashMap<>();
    offsets
        .ends(partitions)
        .forEach(
            (partition, answer) ->
                asked.put(partition, answer.thenApply(end -> new Probe(end, at))));
    return asked;
  }

  /** Whether at least one of these partitions is not known to be out of reach. */
  boolean areReached(Set<TopicPartition> partitions) {
    return ends.unanswered(partitions).size() < partitions.size();
  }

  /** Names the partitions that can't be reached; null while all can. Any thread. */
  @Nullable String problem() {
    return ends.problem();
  }

  /** Why the last question was not answered. */
  String failure() {
    return ends.failure();
  }

  /** The brokers answered some question. */
  void noteAnswer() {
    lastAnswer = time.nanos();
  }

  /** Grants the grace period after an outage, during which agents could not report use. */
  private void noteAnswer(TopicPartition partition) {
    long now = time.nanos();
    Long before = answers.put(partition, now);
    if (before != null && now - before > callTimeout.toNanos()) {
      Duration grace = window.compareTo(GRACE) < 0 ? window : GRACE;
      graceEnds.put(partition, now + grace.toNanos());
    }
  }

  /** Advances the low watermarks of partitions whose consumer has reached the probed end. */
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

  /** The consumer's position; -1 while the client validates it with a new leader. */
  private static long position(Consumer<byte[], byte[]> consumer, TopicPartition partition) {
    try {
      return consumer.position(partition, Duration.ZERO);
    } catch (TimeoutException _) {
      return -1;
    }
  }
}
