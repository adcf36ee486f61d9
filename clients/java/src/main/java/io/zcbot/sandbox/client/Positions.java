/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.Set;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.WakeupException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sets which partitions a consumer reads, each from its end at the time when it was added. The
 * consumer looks up these ends while it polls, so that a partition without a leader, whose end is
 * unknown, does not delay the others. For the reader's thread only.
 */
final class Positions {
  private static final Logger log = LoggerFactory.getLogger(Positions.class);

  /** Most ends are known within this time. */
  private static final Duration MOMENT = Duration.ofMillis(100);

  private static final Duration CALL = Duration.ofSeconds(2);

  private final Consumer<?, ?> consumer;
  private final Set<TopicPartition> added = new HashSet<>();
  private boolean isLookingBack;

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
    if (added.isEmpty()) {
      return;
    }
    if (isLookingBack) {
      seekEarlier(before);
      isLookingBack = false;
    } else {
      consumer.seekToEnd(added);
    }
  }

  private void seekEarlier(Set<TopicPartition> before) {
    try {
      StartOffsets.of(consumer, added, CALL).forEach(consumer::seek);
    } catch (WakeupException e) {
      consumer.assign(before); // the next turn adds them again
      throw e;
    } catch (RetriableException e) {
      // Without a position, the consumer begins where auto.offset.reset says, which is earlier.
      log.debug("can't find out where to begin in {}", added, e);
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
    return known;
  }
}
