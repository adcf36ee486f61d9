/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RetriableException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sets which partitions a consumer reads, each from its end at the time when it was added, or from
 * earlier records that may be answers. The consumer looks up the ends while it polls, so that a
 * partition without a leader, whose end is unknown, does not delay the others. For the reader's
 * thread only.
 */
final class Positions {
  private static final Logger log = LoggerFactory.getLogger(Positions.class);

  /** Most ends are known within this time. */
  private static final Duration MOMENT = Duration.ofMillis(100);

  private static final Duration CALL = Duration.ofSeconds(2);

  /** Answers may have been written to a new partition before this client knew of it. */
  private static final Duration LOOK_BACK = Duration.ofMinutes(5);

  private final Consumer<?, ?> consumer;
  private final Set<TopicPartition> added = new HashSet<>();
  private boolean isLookingBack;

  /**
   * The partitions whose first answer is not looked up yet, and the earliest time of one in
   * milliseconds. They are paused.
   */
  private final Map<TopicPartition, Long> unsought = new HashMap<>();

  Positions(Consumer<?, ?> consumer) {
    this.consumer = consumer;
  }

  /**
   * Notes that the partitions that are added next may be older than this client's knowledge of
   * them, so that they may already contain answers.
   */
  void lookBack() {
    isLookingBack = true;
  }

  /** Reads these partitions and no others. */
  void set(Set<TopicPartition> partitions) {
    Set<TopicPartition> before = consumer.assignment();
    if (partitions.equals(before)) {
      return;
    }
    added.clear();
    added.addAll(partitions);
    added.removeAll(before);
    consumer.assign(partitions);
    unsought.keySet().retainAll(partitions);
    if (added.isEmpty()) {
      return;
    }
    consumer.seekToEnd(added);
    if (isLookingBack) {
      long since = System.currentTimeMillis() - LOOK_BACK.toMillis();
      added.forEach(partition -> unsought.put(partition, since));
      consumer.pause(added);
      isLookingBack = false;
    }
  }

  /** Returns those of the partitions whose start offset is known. Waits briefly for new ones. */
  Set<TopicPartition> known(Collection<TopicPartition> partitions) {
    Deadline deadline = Deadline.in(MOMENT);
    Set<TopicPartition> known = new HashSet<>();
    for (TopicPartition partition : partitions) {
      try {
        Duration patience =
            added.contains(partition) ? Duration.ofNanos(deadline.nanosLeft()) : Duration.ZERO;
        consumer.position(partition, patience);
        known.add(partition);
      } catch (RetriableException e) {
        // it will be known later
      }
    }
    added.clear();
    seekEarlier(known);
    return known;
  }

  /**
   * Lets partitions begin at the first record that may be an answer, or at the end, which must be
   * known before: a record that is written in between is behind it. Removes the partitions of which
   * this fails.
   */
  private void seekEarlier(Set<TopicPartition> known) {
    Map<TopicPartition, Long> times = new HashMap<>(unsought);
    times.keySet().retainAll(known);
    if (times.isEmpty()) {
      return;
    }
    try {
      consumer
          .offsetsForTimes(times, CALL)
          .forEach(
              (partition, first) -> {
                if (first != null) {
                  consumer.seek(
                      partition, Math.min(first.offset(), consumer.position(partition, CALL)));
                }
              });
      consumer.resume(times.keySet());
      unsought.keySet().removeAll(times.keySet());
    } catch (RetriableException e) {
      log.debug("can't find out where to begin in {}; this is tried again", times.keySet(), e);
      consumer.seekToEnd(times.keySet()); // not known until its leader answers again
      known.removeAll(times.keySet());
    }
  }
}
