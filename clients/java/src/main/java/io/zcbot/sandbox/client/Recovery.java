/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
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
    return e instanceof CorruptRecordException
        || !(e instanceof ApiException
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
   * @return what is wrong with which partition; null if no partition is the cause, any more
   * @throws RuntimeException if a request to the brokers fails
   */
  @Nullable Problem recover() {
    Problem problem = dropCause();
    obstacles.keySet().retainAll(consumer.assignment());
    if (problem == null) {
      return null;
    }
    TopicPartition partition = problem.partition();
    Obstacle known = obstacles.get(partition);
    if (known == null || known.offset() != problem.offset()) {
      log.warn(
          "{} can't be read at offset {}; this is tried again for {}",
          partition,
          problem.offset(),
          PATIENCE,
          problem.cause());
      obstacles.put(partition, new Obstacle(problem.offset(), Deadline.in(PATIENCE)));
    } else if (known.patience().isOver()) {
      log.warn(
          "{} still can't be read at offset {}; it is read from its end, and answers in between are"
              + " lost",
          partition,
          problem.offset());
      obstacles.remove(partition);
      consumer.seekToEnd(Set.of(partition));
      return problem;
    }
    boolean unused = leaveOut(Set.of(partition));
    return problem;
  }

  /** A partition that can't be read. */
  record Problem(TopicPartition partition, long offset, Throwable cause) {
    CorruptRecordException exception() {
      return new CorruptRecordException(partition + " can't be read: " + cause, cause);
    }
  }

  /**
   * Gives up one partition after the other, and with it what was fetched of it, until the consumer
   * does not fail any more; then reads all of them from where they were. Pausing them would not do:
   * the consumer begins to parse what was fetched of paused partitions as well.
   *
   * @return the last of them, which was a cause
   */
  private @Nullable Problem dropCause() {
    Set<TopicPartition> all = Set.copyOf(consumer.assignment());
    Set<TopicPartition> paused = Set.copyOf(consumer.paused());
    Set<TopicPartition> rest = new HashSet<>(all);
    Map<TopicPartition, Long> givenUp = new HashMap<>();
    try {
      Problem problem = null;
      Throwable failure = failure();
      for (Iterator<TopicPartition> each = all.iterator(); failure != null && each.hasNext(); ) {
        TopicPartition partition = each.next();
        OptionalLong position = position(partition);
        if (position.isPresent()) { // of others, nothing was fetched
          problem = new Problem(partition, position.getAsLong(), failure);
          givenUp.put(partition, problem.offset());
          rest.remove(partition);
          consumer.assign(rest);
          failure = rest.isEmpty() ? null : failure();
        }
      }
      return failure == null ? problem : null;
    } finally {
      consumer.assign(all);
      consumer.pause(paused);
      givenUp.forEach(consumer::seek);
    }
  }

  private OptionalLong position(TopicPartition partition) {
    try {
      return OptionalLong.of(consumer.position(partition, Duration.ZERO));
    } catch (RetriableException e) {
      return OptionalLong.empty();
    }
  }

  /**
   * Polls without waiting, until the consumer has nothing to return: before that, it hides
   * failures.
   *
   * @return the failure of a batch, or null
   */
  private @Nullable Throwable failure() {
    try {
      boolean hasMore;
      Deadline deadline = Deadline.in(PAUSE);
      do {
        ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ZERO);
        records.forEach(receiver);
        hasMore = !records.isEmpty();
      } while (hasMore && !deadline.isOver());
      return null;
    } catch (RuntimeException | Error e) {
      if (!isForBatch(e)) {
        throw e;
      }
      return e;
    }
  }
}
