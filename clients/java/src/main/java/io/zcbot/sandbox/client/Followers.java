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
 * Coordinates callers who need records of users with the reader's thread. The callers wait until
 * the thread has done what they need, and the thread waits until there is something to do.
 */
final class Followers {
  /** Longer than the thread takes to try everything again. */
  private static final Duration PRESENT = Duration.ofSeconds(15);

  private final Runnable wakeup;
  private final PartitionMap map;
  private final Reach reach;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  // Guarded by the lock.
  private final Interests interests;
  private boolean isNews;
  private boolean isPolling;
  private boolean isClosed;

  /** By topic, why it cannot be read completely. */
  private final Map<String, Trouble> troubles = new HashMap<>();

  private record Trouble(Throwable cause, Deadline present) {}

  /**
   * @param wakeup ends the thread's poll
   */
  Followers(PartitionMap map, Reach reach, Runnable wakeup) {
    this.map = map;
    this.reach = reach;
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

  /** Changes the state and wakes up all waiters. */
  private void change(Runnable action) {
    lock.lock();
    try {
      action.run();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Waits until everything that is published about the user from now on will be read. */
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
    Deadline contact = deadline.atMost(Reach.PATIENCE);
    while (!interests.isRead(user, topics) || isClosed) {
      if (isClosed) {
        throw new ClientClosedException();
      }
      if (isNew) {
        isNew = false;
        tellOfNews(topics);
      }
      Throwable cause = troubleOf(topics);
      if (cause != null && !(cause instanceof RetriableException)) {
        throw new SandboxException(
            "can't read answers: "
                + cause.getMessage()
                + "; check the topics, the client's settings and its permissions",
            cause);
      }
      boolean isReached = reach.isReached();
      if (!isReached && contact.isOver()) {
        throw reach.unreachable(cause);
      }
      if (deadline.isOver()) {
        throw new NoAnswerException(
            "Kafka did not say by the deadline where answers will be; nothing was published",
            cause);
      }
      changed.awaitNanos((isReached ? deadline : contact).nanosLeft());
    }
  }

  private void tellOfNews(Collection<Topic> topics) {
    topics.forEach(topic -> troubles.remove(map.nameOf(topic))); // those of earlier waits
    isNews = true;
    changed.signalAll();
    if (isPolling) {
      isPolling = false;
      wakeup.run();
    }
  }

  /**
   * Returns a present problem of the topics, preferably one that another attempt does not solve;
   * null if there is none.
   */
  @Nullable Throwable troubleOf(Collection<Topic> topics) {
    lock.lock();
    try {
      Throwable worst = null;
      for (Topic topic : topics) {
        Trouble trouble = troubles.get(map.nameOf(topic));
        if (trouble != null
            && !trouble.present().isOver()
            && (worst == null || !(trouble.cause() instanceof RetriableException))) {
          worst = trouble.cause();
        }
      }
      return worst;
    } finally {
      lock.unlock();
    }
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

  /** Begins a turn of the thread; later news are for the next turn. */
  void beginTurn() {
    locked(() -> isNews = false);
  }

  /** Returns the topics whose partitions must be counted: new ones, or all. */
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

  /** Notes that a broker has answered; those who wait for the first contact go on waiting. */
  void reached() {
    if (!reach.isReached()) {
      change(reach::reached);
    }
  }

  /** Finds out why no broker was ever reached. */
  void probe() {
    if (!reach.isReached()) {
      reach.probe();
    }
  }

  boolean isReached() {
    return reach.isReached();
  }

  /** Sets a topic's partition count. Returns whether it was another one before. */
  boolean count(String topic, int partitions) {
    return locked(() -> interests.count(topic, partitions));
  }

  /** Returns the partitions that are needed and not read yet. */
  Set<TopicPartition> missing() {
    return locked(interests::missing);
  }

  Set<TopicPartition> read() {
    return locked(interests::read);
  }

  /** Stops reading the partitions that nobody has needed for a while. */
  void forget() {
    locked(interests::forget);
  }

  /** Notes that these partitions are read from now on. */
  void read(Set<TopicPartition> partitions) {
    change(
        () -> {
          interests.read(partitions);
          partitions.forEach(partition -> troubles.remove(partition.topic()));
        });
  }

  void trouble(Collection<String> topics, Throwable e) {
    Trouble trouble = new Trouble(e, Deadline.in(PRESENT));
    change(() -> topics.forEach(topic -> troubles.put(topic, trouble)));
  }

  /** Notes a problem of all topics. */
  void trouble(Throwable e) {
    trouble(locked(interests::topics), e);
  }

  /**
   * Waits for news if there is nothing to poll.
   *
   * @return whether the thread may poll now; news end its poll
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

  /** Waits for some time, or until the client is closed. */
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
