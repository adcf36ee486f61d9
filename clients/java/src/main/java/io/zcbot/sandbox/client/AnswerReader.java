/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.WakeupException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the partitions in which answers to this client's users are, each from its end at the time
 * when somebody first asked, so that what is published afterwards is not missed. One thread.
 */
final class AnswerReader implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(AnswerReader.class);

  private static final Duration POLL = Duration.ofSeconds(1);
  private static final Duration CALL = Duration.ofSeconds(5);
  private static final Duration RECOUNT = Duration.ofSeconds(5);
  private static final Duration PAUSE = Duration.ofMillis(200);

  /** Takes records, in the reader's thread. */
  interface Receiver {
    void accept(ConsumerRecord<byte[], byte[]> record);
  }

  private final Consumer<byte[], byte[]> consumer;
  private final Receiver receiver;
  private final Thread thread;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  // Guarded by the lock.
  private final Interests interests;
  private boolean isPolling;
  private boolean isClosed;
  private @Nullable Exception trouble;

  // Of the thread alone.
  private boolean isRaised;
  private long recounted = System.nanoTime();

  AnswerReader(Consumer<byte[], byte[]> consumer, ClientOptions options, Receiver receiver) {
    this.consumer = consumer;
    this.receiver = receiver;
    this.interests =
        new Interests(
            new PartitionMap(options.topicPrefix(), options.replyTopic()), System::nanoTime);
    this.thread = Thread.ofPlatform().daemon().name("zcbot-client-reader").unstarted(this::run);
  }

  void start() {
    thread.start();
  }

  /** A user's records of some topics are read until it is closed, once. */
  final class Following implements AutoCloseable {
    private final UserId user;
    private final Collection<Topic> topics;

    private Following(UserId user, Collection<Topic> topics) {
      this.user = user;
      this.topics = topics;
    }

    @Override
    public void close() {
      lock.lock();
      try {
        interests.remove(user, topics);
      } finally {
        lock.unlock();
      }
    }
  }

  /** Returns once everything that is published from now on about the user will be read. */
  Following follow(UserId user, Collection<Topic> topics, Deadline deadline)
      throws InterruptedException {
    lock.lockInterruptibly();
    try {
      Following following = new Following(user, topics);
      interests.add(user, topics);
      boolean isThere = false;
      try {
        await(user, topics, deadline);
        isThere = true;
      } finally {
        if (!isThere) {
          following.close();
        }
      }
      return following;
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
        trouble = null; // of earlier ones
        changed.signalAll();
        if (isPolling) {
          isPolling = false;
          consumer.wakeup();
        }
      }
      Exception cause = trouble;
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

  // --- the thread ------------------------------------------------------------------------------

  private void run() {
    try (consumer) {
      while (!locked(() -> isClosed)) {
        try {
          turn();
        } catch (WakeupException e) {
          // somebody wants to read more, or this is closed
        } catch (KafkaException e) {
          troubled(e);
        } catch (RuntimeException e) {
          log.error("reading answers failed; it goes on", e);
          troubled(e);
        }
      }
    } catch (InterruptedException e) {
      log.warn("the reader of answers was interrupted and ends");
    } finally {
      locked(
          () -> {
            isClosed = true;
            changed.signalAll();
            return isClosed;
          });
    }
  }

  private <T> T locked(Supplier<T> action) {
    lock.lock();
    try {
      return action.get();
    } finally {
      lock.unlock();
    }
  }

  private void turn() throws InterruptedException {
    boolean isTime = System.nanoTime() - recounted > RECOUNT.toNanos();
    if (isTime) {
      recounted = System.nanoTime();
    }
    count(isTime);
    position(isTime);
    if (mayPoll()) {
      try {
        consumer.poll(POLL).forEach(receiver::accept);
      } finally {
        locked(() -> isPolling = false);
      }
    }
  }

  /** Waits while there is nothing to read; whether there is something. */
  private boolean mayPoll() throws InterruptedException {
    lock.lock();
    try {
      long wait = POLL.toNanos();
      while (interests.isEmpty() && !isClosed && wait > 0) {
        wait = changed.awaitNanos(wait);
      }
      isPolling = !isClosed && !interests.read().isEmpty() && interests.missing().isEmpty();
      return isPolling;
    } finally {
      lock.unlock();
    }
  }

  /** Asks how many partitions topics have: new ones, and from time to time all. */
  private void count(boolean all) {
    Set<String> topics =
        locked(
            () -> {
              Set<String> wanted = interests.uncounted();
              if (all) {
                wanted.addAll(interests.counted());
              }
              return wanted;
            });
    for (String topic : topics) {
      List<PartitionInfo> found = consumer.partitionsFor(topic, CALL);
      if (found == null || found.isEmpty()) {
        throw new KafkaException(
            "the topic "
                + topic
                + " does not exist; start a worker or run 'sandbox topics create'; a reply topic has"
                + " to be created by an operator");
      }
      isRaised |= locked(() -> interests.count(topic, found.size()));
    }
  }

  private void position(boolean forget) {
    Set<TopicPartition> fresh = locked(interests::missing);
    boolean isLess = forget && locked(interests::forget);
    if (fresh.isEmpty() && !isLess) {
      return;
    }
    Map<TopicPartition, Long> starts =
        fresh.isEmpty() ? Map.of() : StartOffsets.of(consumer, fresh, isRaised, CALL);
    Set<TopicPartition> all = new HashSet<>(locked(interests::read));
    all.addAll(fresh);
    consumer.assign(all);
    starts.forEach(consumer::seek);
    isRaised = false;
    locked(
        () -> {
          interests.read(fresh);
          trouble = null;
          changed.signalAll();
          return fresh;
        });
  }

  private void troubled(RuntimeException e) throws InterruptedException {
    log.debug("answers can't be read; this is tried again", e);
    lock.lock();
    try {
      trouble = e;
      changed.signalAll();
      long wait = PAUSE.toNanos();
      while (!isClosed && wait > 0) {
        wait = changed.awaitNanos(wait);
      }
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void close() {
    locked(
        () -> {
          isClosed = true;
          changed.signalAll();
          return isClosed;
        });
    consumer.wakeup();
    try {
      thread.join(Duration.ofSeconds(10));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
