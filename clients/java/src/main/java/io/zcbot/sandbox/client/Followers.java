/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RetriableException;
import org.jspecify.annotations.Nullable;

/**
 * Those who follow users, and what the reader's thread has to do for them. They wait until it is
 * done; the thread waits until there is something to do.
 */
final class Followers {
  private final Runnable wakeup;
  private final PartitionMap map;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  // Guarded by the lock.
  private final Interests interests;
  private boolean isNews;
  private boolean isPolling;
  private boolean isClosed;

  /** Why a topic can't be read, or not all of it. */
  private final Map<String, Exception> troubles = new HashMap<>();

  /**
   * @param wakeup ends the thread's poll
   */
  Followers(PartitionMap map, Runnable wakeup) {
    this.map = map;
    this.wakeup = wakeup;
    this.interests = new Interests(map, System::nanoTime);
  }

  private <T> T locked(Supplier<T> action) {
    lock.lock();
    try {
      return action.get();
    } finally {
      lock.unlock();
    }
  }

  /** Whoever waits looks at it. */
  private void change(Runnable action) {
    lock.lock();
    try {
      action.run();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Returns once everything that is published from now on about the user will be read. */
  void add(UserId user, Collection<Topic> topics, Deadline deadline) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      interests.add(user, topics);
      boolean isThere = false;
      try {
        await(user, topics, deadline);
        isThere = true;
      } finally {
        if (!isThere) {
          interests.remove(user, topics);
        }
      }
    } finally {
      lock.unlock();
    }
  }

  private void await(UserId user, Collection<Topic> topics, Deadline deadline)
      throws InterruptedException {
    boolean isNew = true;
    while (!interests.isRead(user, topics) || isClosed) {
      if (isClosed) {
        throw new ClientClosedException();
      }
      if (isNew) {
        isNew = false;
        tellOfNews(topics);
      }
      Exception cause = trouble(topics);
      if (cause != null && !(cause instanceof RetriableException)) {
        throw new SandboxException(
            "can't read answers: "
                + cause.getMessage()
                + "; check the topics, the client's settings and its permissions",
            cause);
      }
      if (deadline.isOver()) {
        throw new NoAnswerException(
            "Kafka did not say by the deadline where answers will be; nothing was published",
            cause);
      }
      changed.awaitNanos(deadline.nanosLeft());
    }
  }

  private void tellOfNews(Collection<Topic> topics) {
    topics.forEach(topic -> troubles.remove(map.nameOf(topic))); // of earlier ones
    isNews = true;
    changed.signalAll();
    if (isPolling) {
      isPolling = false;
      wakeup.run();
    }
  }

  /** If there are several, one that trying again does not end. */
  private @Nullable Exception trouble(Collection<Topic> topics) {
    Exception worst = null;
    for (Topic topic : topics) {
      Exception trouble = troubles.get(map.nameOf(topic));
      if (trouble != null && (worst == null || !(trouble instanceof RetriableException))) {
        worst = trouble;
      }
    }
    return worst;
  }

  void remove(UserId user, Collection<Topic> topics) {
    lock.lock();
    try {
      interests.remove(user, topics);
    } finally {
      lock.unlock();
    }
  }

  /** Ends all waits. */
  void close() {
    change(() -> isClosed = true);
  }

  // --- for the thread --------------------------------------------------------------------------

  boolean isClosed() {
    return locked(() -> isClosed);
  }

  /** Looks at what there is to do, from here on; news of later are for the next turn. */
  void beginTurn() {
    locked(() -> isNews = false);
  }

  /** The topics whose partitions have to be counted: new ones, or all. */
  Set<String> topicsToCount(boolean all) {
    return locked(
        () -> {
          Set<String> topics = interests.uncounted();
          if (all) {
            topics.addAll(interests.counted());
          }
          return topics;
        });
  }

  /** Whether the topic had another number of partitions before. */
  boolean count(String topic, int partitions) {
    return locked(() -> interests.count(topic, partitions));
  }

  /** Those that somebody needs and that are not read. */
  Set<TopicPartition> missing() {
    return locked(interests::missing);
  }

  Set<TopicPartition> read() {
    return locked(interests::read);
  }

  /** Those that nobody has needed for a while are not read any more. */
  void forget() {
    locked(interests::forget);
  }

  /** These are read from now on. */
  void read(Set<TopicPartition> partitions) {
    change(
        () -> {
          interests.read(partitions);
          partitions.forEach(partition -> troubles.remove(partition.topic()));
        });
  }

  void trouble(Collection<String> topics, Exception e) {
    change(() -> topics.forEach(topic -> troubles.put(topic, e)));
  }

  /** All topics are in trouble. */
  void trouble(Exception e) {
    change(() -> interests.topics().forEach(topic -> troubles.put(topic, e)));
  }

  /**
   * Waits for news if there is nothing to poll.
   *
   * @return whether the thread polls now; news end its poll
   */
  boolean beginPoll(boolean isAssigned, Duration time) throws InterruptedException {
    lock.lock();
    try {
      long wait = time.toNanos();
      while (!isAssigned && !isNews && !isClosed && wait > 0) {
        wait = changed.awaitNanos(wait);
      }
      isPolling = isAssigned && !isNews && !isClosed;
      return isPolling;
    } finally {
      lock.unlock();
    }
  }

  void endPoll() {
    locked(() -> isPolling = false);
  }

  /** Waits; the end of the client ends it. */
  void pause(Duration time) throws InterruptedException {
    lock.lock();
    try {
      long wait = time.toNanos();
      while (!isClosed && wait > 0) {
        wait = changed.awaitNanos(wait);
      }
    } finally {
      lock.unlock();
    }
  }
}
