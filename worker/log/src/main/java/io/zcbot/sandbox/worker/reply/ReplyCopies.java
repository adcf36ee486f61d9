/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reply;

import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.reply.ReplyTopic.Copy;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Copies answers with a separate producer. A topic that takes nothing holds up only its own copies:
 * each has a thread while there is something to copy, and at most a third of the producer's buffer.
 * Callers do not wait for a topic that was late, until it takes a copy again.
 */
public final class ReplyCopies implements Replies, AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(ReplyCopies.class);

  private static final int MOST_TOPICS = 1000;

  /** Bounds of the bytes in the producer, for all topics and for one. */
  static final int MOST_BYTES = 6 * 1024 * 1024;

  static final int MOST_BYTES_OF_ONE = 2 * 1024 * 1024;

  /** Added to each copy's size, because a small record takes a whole batch. */
  private static final int OVERHEAD = 4096;

  private static final Duration PATIENCE = Duration.ofSeconds(2);
  private static final Duration REFUSAL = Duration.ofSeconds(10);

  /** Pauses before looking again: brokers learn of a new topic later than its creator. */
  private static final List<Integer> PAUSES_MS = List.of(500, 1500);

  private final ReplyProducer producer;
  private final Lookup lookup;
  private final Time time;
  private final Duration patience;
  private final ReplyMetrics metrics;
  private final Drops drops;
  private final ReplyTopics topics = new ReplyTopics(MOST_TOPICS);
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private int bytes;
  private boolean takesNothing;

  /** Makes its clients only when they are needed, because most workers copy nothing. */
  public ReplyCopies(
      Supplier<Producer<byte[], byte[]>> producers,
      Supplier<Admin> admins,
      Time time,
      ReplyMetrics metrics) {
    this(producers, new TopicLookup(admins), time, metrics, PATIENCE);
  }

  ReplyCopies(
      Supplier<Producer<byte[], byte[]>> producers,
      Lookup lookup,
      Time time,
      ReplyMetrics metrics,
      Duration patience) {
    this.producer = new ReplyProducer(producers);
    this.lookup = lookup;
    this.time = time;
    this.patience = patience;
    this.metrics = metrics;
    this.drops = new Drops(time, metrics);
  }

  @Override
  public CompletableFuture<Void> copy(
      String name, int size, Supplier<ProducerRecord<byte[], byte[]>> record) {
    Copy copy = new Copy(size + OVERHEAD, record);
    ReplyTopic topic;
    ReplyDrop obstacle;
    lock.lock();
    try {
      topic = takesNothing ? null : topics.of(name);
      obstacle = topic == null ? ReplyDrop.FULL : obstacle(topic, copy);
      if (topic != null && obstacle == null) {
        topic.add(copy);
        if (!topic.isSending) {
          topic.isSending = true;
          Threads.start("reply-".concat(name), () -> sendAll(topic));
        }
        if (!topic.isLate) {
          return awaited(topic, copy);
        }
      }
    } finally {
      lock.unlock();
    }
    if (obstacle != null) {
      drops.dropped(name, obstacle, 1);
    }
    return CompletableFuture.completedFuture(null);
  }

  private @Nullable ReplyDrop obstacle(ReplyTopic topic, Copy copy) {
    ReplyDrop refusal = topic.refusal(time.nanos());
    if (refusal != null || !topic.isLate) {
      return refusal;
    }
    return topics.mayKeep(topic, copy) ? null : ReplyDrop.LATE;
  }

  /** Completes with the copy, or after a while, when the topic begins to count as late. */
  private CompletableFuture<Void> awaited(ReplyTopic topic, Copy copy) {
    return copy.settled()
        .copy()
        .orTimeout(patience.toNanos(), TimeUnit.NANOSECONDS)
        .exceptionally(
            _ -> {
              late(topic);
              return null;
            });
  }

  /** Ends the callers' waits for a topic, and drops the copies that a late topic may not keep. */
  private void late(ReplyTopic topic) {
    drop(topic, ReplyDrop.LATE, topics::late);
    List<Copy> kept;
    lock.lock();
    try {
      kept = topic.waiting();
    } finally {
      lock.unlock();
    }
    kept.forEach(copy -> copy.settled().complete(null));
  }

  private void drop(ReplyTopic topic, ReplyDrop why, Function<ReplyTopic, List<Copy>> which) {
    List<Copy> dropped;
    lock.lock();
    try {
      dropped = which.apply(topic);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    if (!dropped.isEmpty()) {
      drops.dropped(topic.name, why, dropped.size());
      dropped.forEach(copy -> copy.settled().complete(null));
    }
  }

  /** Sends the copies that wait for a topic. Runs on the topic's thread. */
  private void sendAll(ReplyTopic topic) {
    do {
      try {
        if (topic.exists || isFound(topic)) {
          for (Copy next = next(topic); next != null; next = next(topic)) {
            Copy copy = next;
            producer.send(copy.record(), dropped -> settled(topic, copy, dropped));
          }
        }
      } catch (InterruptedException e) { // nobody interrupts this thread
        Thread.currentThread().interrupt();
        refuse(topic, ReplyDrop.FAILED);
      } catch (RuntimeException e) {
        log.warn("could not copy answers to {}", topic.name, e);
        refuse(topic, ReplyDrop.FAILED);
      }
    } while (!isDone(topic));
  }

  private boolean isDone(ReplyTopic topic) {
    lock.lock();
    try {
      topic.isSending = topic.isWaiting();
      return !topic.isSending;
    } finally {
      lock.unlock();
    }
  }

  private boolean isFound(ReplyTopic topic) throws InterruptedException {
    ReplyDrop obstacle = look(topic);
    for (int pause : PAUSES_MS) {
      if (obstacle == ReplyDrop.ABSENT || obstacle == ReplyDrop.LATE) {
        late(topic);
        new CompletableFuture<@Nullable Void>()
            .completeOnTimeout(null, pause, TimeUnit.MILLISECONDS)
            .join();
        obstacle = look(topic);
      }
    }
    if (obstacle != null) {
      if (obstacle == ReplyDrop.LATE) {
        drop(topic, obstacle, ReplyTopic::takeAll);
      } else {
        refuse(topic, obstacle);
      }
      return false;
    }
    lock.lock();
    try {
      topic.exists = topics.moveToExisting(topic);
    } finally {
      lock.unlock();
    }
    if (!topic.exists) {
      refuse(topic, ReplyDrop.FULL);
    }
    return topic.exists;
  }

  /** Why a topic can't be written to; LATE if Kafka does not answer. */
  private @Nullable ReplyDrop look(ReplyTopic topic) throws InterruptedException {
    try {
      return lookup.obstacle(topic.name).get().orElse(null);
    } catch (ExecutionException e) {
      log.debug("could not look {} up", topic.name, e);
      return ReplyDrop.LATE;
    }
  }

  /** Takes the next copy, and waits for room for it; null if there is none. */
  private @Nullable Copy next(ReplyTopic topic) throws InterruptedException {
    lock.lock();
    try {
      for (Copy next = topic.first(); next != null; next = topic.first()) {
        boolean fits = topic.bytes == 0 || topic.bytes + next.size() <= MOST_BYTES_OF_ONE;
        if (fits && bytes + next.size() <= MOST_BYTES) {
          topic.bytes += next.size();
          bytes += next.size();
          return topic.removeFirst();
        }
        changed.await();
      }
      return null;
    } finally {
      lock.unlock();
    }
  }

  /** A copy was written or dropped. May be called more than once. */
  private void settled(ReplyTopic topic, Copy copy, @Nullable ReplyDrop dropped) {
    if (!copy.isOver().compareAndSet(false, true)) {
      return;
    }
    lock.lock();
    try {
      topic.bytes -= copy.size();
      bytes -= copy.size();
      topic.isLate = dropped == null ? false : topic.isLate || dropped == ReplyDrop.LATE;
      if (dropped == ReplyDrop.LATE) {
        topic.exists = false; // the topic may have been deleted
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    if (dropped == null) {
      metrics.copied();
    } else {
      drops.dropped(topic.name, dropped, 1);
      if (dropped == ReplyDrop.ABSENT || dropped == ReplyDrop.DENIED) {
        refuse(topic, dropped);
      }
    }
    copy.settled().complete(null);
  }

  /** Copies nothing to a topic for a while. */
  private void refuse(ReplyTopic topic, ReplyDrop why) {
    drop(topic, why, each -> each.refuse(why, time.nanos() + REFUSAL.toNanos()));
  }

  /** Flushes what the producer has, for a limited time; drops the rest. */
  @Override
  public void close() {
    List<ReplyTopic> all;
    lock.lock();
    try {
      takesNothing = true;
      all = topics.all();
    } finally {
      lock.unlock();
    }
    all.forEach(topic -> refuse(topic, ReplyDrop.FAILED));
    lookup.close();
    producer.close();
  }
}
