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
 * Which partitions a consumer reads, each from its end at the time when it was added. The consumer
 * asks for these ends while it polls, so that the ones that it can't get, because a partition has
 * no leader, delay no other partition. Of the reader's thread.
 */
final class Positions {
  private static final Logger log = LoggerFactory.getLogger(Positions.class);

  /** Most ends come in this time. */
  private static final Duration MOMENT = Duration.ofMillis(100);

  private static final Duration CALL = Duration.ofSeconds(2);

  private final Consumer<?, ?> consumer;
  private final Set<TopicPartition> added = new HashSet<>();
  private boolean isLookingBack;

  Positions(Consumer<?, ?> consumer) {
    this.consumer = consumer;
  }

  /**
   * The next partitions that are added may be older than this client's knowledge of them, so that
   * answers may be in them already.
   */
  void lookBack() {
    isLookingBack = true;
  }

  /** Reads these and no others. */
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

  /** Those of which it is known where the reading begins. Waits for new ones for a moment. */
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
