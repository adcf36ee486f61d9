/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.errors.CorruptRecordException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.WakeupException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps partitions that can't be read from stopping the others. After a failure in a batch, be it
 * damaged or only too large for the memory at that moment, Kafka's consumer fails at every further
 * poll and reads nothing else. For the reader's thread only.
 */
final class Recovery {
  private static final Logger log = LoggerFactory.getLogger(Recovery.class);

  /** How long partitions that can't be read are left out before they are tried again. */
  private static final Duration PAUSE = Duration.ofSeconds(1);

  /** How long a batch is tried again before it is given up. */
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private final Consumer<byte[], byte[]> consumer;
  private final java.util.function.Consumer<ConsumerRecord<byte[], byte[]>> receiver;
  private final Map<TopicPartition, Obstacle> obstacles = new HashMap<>();
  private final Set<TopicPartition> leftOut = new HashSet<>();
  private Deadline pause = Deadline.in(Duration.ZERO);

  /** An offset at which a partition can't be read. */
  private record Obstacle(long offset, Deadline patience) {}

  Recovery(
      Consumer<byte[], byte[]> consumer,
      java.util.function.Consumer<ConsumerRecord<byte[], byte[]>> receiver) {
    this.consumer = consumer;
    this.receiver = receiver;
  }

  /** Whether a failure may be that of a batch, rather than that of a request to brokers. */
  static boolean isForBatch(Throwable e) {
    return !(e instanceof ApiException
        || e instanceof InterruptException
        || e instanceof WakeupException);
  }

  /**
   * Leaves partitions out for a while, so that they delay no others.
   *
   * @return whether they were not left out already
   */
  boolean leaveOut(Set<TopicPartition> partitions) {
    Set<TopicPartition> some = new HashSet<>(partitions);
    some.removeAll(consumer.paused());
    consumer.pause(some);
    leftOut.addAll(some);
    pause = Deadline.in(PAUSE);
    return !some.isEmpty();
  }

  /** Tries the partitions that were left out again, if it is time. */
  void resume() {
    if (pause.isOver() && !leftOut.isEmpty()) {
      leftOut.retainAll(consumer.assignment());
      consumer.resume(leftOut);
      leftOut.clear();
    }
  }

  /**
   * Goes on after a failure of a poll, in the partition that caused it as well: it is read again
   * from the same offset for some seconds, and then from its end.
   *
   * @return what is wrong with which partition; null if nothing is, any more
   * @throws RuntimeException if the consumer fails without reading any partition
   */
  @Nullable Problem recover() {
    Problem problem = find();
    Map<TopicPartition, Long> positions = fetchAgain();
    obstacles.keySet().retainAll(positions.keySet());
    Long offset = problem == null ? null : positions.get(problem.partition());
    if (problem == null || offset == null) {
      return null;
    }
    TopicPartition partition = problem.partition();
    Obstacle known = obstacles.get(partition);
    if (known == null || known.offset() != offset) {
      log.warn(
          "{} can't be read at offset {}; this is tried again for {}",
          partition,
          offset,
          PATIENCE,
          problem.cause());
      obstacles.put(partition, new Obstacle(offset, Deadline.in(PATIENCE)));
    } else if (known.patience().isOver()) {
      log.warn(
          "{} still can't be read at offset {}; it is read from its end, and answers in between are"
              + " lost",
          partition,
          offset);
      obstacles.remove(partition);
      consumer.seekToEnd(Set.of(partition));
      return problem;
    }
    boolean unused = leaveOut(Set.of(partition));
    return problem;
  }

  /** A partition that can't be read. */
  record Problem(TopicPartition partition, Throwable cause) {
    CorruptRecordException exception() {
      return new CorruptRecordException(partition + " can't be read: " + cause, cause);
    }
  }

  /** Polls each partition alone, without waiting for records. Returns the one that fails. */
  private @Nullable Problem find() {
    Set<TopicPartition> all = new HashSet<>(consumer.assignment());
    all.removeAll(consumer.paused());
    consumer.pause(all);
    try {
      poll(); // a failure now is none of a partition
      for (TopicPartition each : all) {
        consumer.resume(Set.of(each));
        try {
          poll();
        } catch (RuntimeException | Error e) {
          if (!isForBatch(e)) {
            throw e;
          }
          return new Problem(each, e);
        }
        consumer.pause(Set.of(each));
      }
      return null;
    } finally {
      consumer.resume(all);
    }
  }

  private void poll() {
    consumer.poll(Duration.ZERO).forEach(receiver);
  }

  /** Drops what is fetched and not read yet. Returns the positions, from which it is fetched. */
  private Map<TopicPartition, Long> fetchAgain() {
    Set<TopicPartition> all = Set.copyOf(consumer.assignment());
    Set<TopicPartition> paused = Set.copyOf(consumer.paused());
    Map<TopicPartition, Long> positions = new HashMap<>();
    for (TopicPartition each : all) {
      try {
        positions.put(each, consumer.position(each, Duration.ZERO));
      } catch (RetriableException e) {
        // it has no position yet, or the leader has changed and was not asked about it yet
      }
    }
    Set<TopicPartition> others = new HashSet<>(all);
    others.removeAll(positions.keySet());
    consumer.assign(
        others); // these keep what is known of their positions, and have nothing fetched
    consumer.assign(all);
    positions.forEach(consumer::seek);
    consumer.pause(paused);
    return positions;
  }
}
