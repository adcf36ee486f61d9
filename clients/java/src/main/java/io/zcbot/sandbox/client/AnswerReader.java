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
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.CorruptRecordException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.errors.WakeupException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the partitions with the answers to this client's users in one thread. Each partition is
 * read from its end at the time of the first request for it, so that no answer published afterwards
 * is missed.
 */
final class AnswerReader implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(AnswerReader.class);

  private static final Duration POLL = Duration.ofSeconds(1);
  private static final Duration CALL = Duration.ofSeconds(2);

  /**
   * The same before the first contact with a broker, so that callers hear early why there is none.
   */
  private static final Duration FIRST_CALL = Duration.ofSeconds(1);

  private static final Duration RECOUNT = Duration.ofSeconds(5);

  /** Poll time while a start offset is unknown: it is looked up again after each poll. */
  private static final Duration SHORT_POLL = Duration.ofMillis(20);

  /** Time before a failed operation is tried again. */
  private static final Duration PAUSE = Duration.ofMillis(100);

  /** Receives records in the reader's thread. */
  interface Receiver {
    void accept(ConsumerRecord<byte[], byte[]> record);

    /** Ends all waits, because nothing more is read. May be called repeatedly. */
    void close();
  }

  private final Consumer<byte[], byte[]> consumer;
  private final Receiver receiver;
  private final Thread thread;
  private final Followers followers;

  // Used by the thread only.
  private final Positions positions;
  private final Recovery recovery;
  private boolean isRecovering;
  private long recounted = System.nanoTime();

  AnswerReader(
      Consumer<byte[], byte[]> consumer, ClientOptions options, Receiver receiver, Reach reach) {
    this.consumer = consumer;
    this.receiver = receiver;
    this.positions = new Positions(consumer);
    this.recovery = new Recovery(consumer, this::receive);
    this.followers =
        new Followers(
            new PartitionMap(options.topicPrefix(), options.replyTopic()), reach, consumer::wakeup);
    this.thread = Thread.ofPlatform().daemon().name("zcbot-client-reader").unstarted(this::run);
  }

  void start() {
    thread.start();
  }

  /**
   * Keeps the partitions of a user's records assigned until it is closed. It must be closed once.
   */
  final class Following implements AutoCloseable {
    private final UserId user;
    private final Collection<Topic> topics;

    private Following(UserId user, Collection<Topic> topics) {
      this.user = user;
      this.topics = topics;
    }

    @Override
    public void close() {
      followers.remove(user, topics);
    }
  }

  /** Waits until everything that is published about the user from now on will be read. */
  Following follow(UserId user, Collection<Topic> topics, Deadline deadline)
      throws InterruptedException {
    followers.add(user, topics, deadline);
    return new Following(user, topics);
  }

  /** Returns why some of the topics can't be read at present; null if they can. */
  @Nullable Throwable trouble(Collection<Topic> topics) {
    return followers.troubleOf(topics);
  }

  // --- the thread ------------------------------------------------------------------------------

  private void run() {
    try (consumer) {
      while (!followers.isClosed()) {
        try {
          turn();
        } catch (WakeupException e) {
          // there is more to read, or this is closed
        } catch (KafkaException e) {
          troubled(e);
        } catch (RuntimeException | Error e) { // otherwise no user would get an answer any more
          log.error("reading answers failed; it goes on", e);
          troubled(e);
        }
      }
    } catch (InterruptedException e) {
      log.warn("the reader of answers was interrupted and ends");
    } finally {
      followers.close();
      receiver.close();
    }
  }

  private void turn() throws InterruptedException {
    if (isRecovering) {
      recover();
    }
    recovery.resume();
    boolean isTime = System.nanoTime() - recounted > RECOUNT.toNanos();
    if (isTime) {
      recounted = System.nanoTime();
    }
    followers.beginTurn();
    boolean isCounted = count(isTime);
    boolean isPositioned = position(isTime);
    Duration time = !isCounted ? PAUSE : isPositioned ? POLL : SHORT_POLL;
    if (followers.beginPoll(!consumer.assignment().isEmpty(), time)) {
      try {
        consumer.poll(time).forEach(this::receive);
      } finally {
        followers.endPoll();
      }
    }
    isRecovering = false;
  }

  private void recover() {
    Recovery.Problem problem = recovery.recover();
    if (problem != null) {
      followers.trouble(Set.of(problem.partition().topic()), problem.exception());
    }
  }

  private void receive(ConsumerRecord<byte[], byte[]> record) {
    try {
      receiver.accept(record);
    } catch (Throwable e) { // the records behind it are those of others
      log.error(
          "{}-{}@{} could not be used", record.topic(), record.partition(), record.offset(), e);
    }
  }

  /**
   * Asks for the partition counts of new topics, or of all. Returns whether all of them are known.
   */
  private boolean count(boolean all) {
    boolean isDone = true;
    for (String topic : followers.topicsToCount(all)) {
      try {
        count(topic);
      } catch (WakeupException e) {
        throw e;
      } catch (KafkaException e) {
        log.debug("can't count the partitions of {}; this is tried again", topic, e);
        if (e instanceof TimeoutException) {
          followers.probe();
        } else {
          followers.reached(); // a broker has refused it
        }
        followers.trouble(Set.of(topic), e);
        isDone = false;
      }
    }
    return isDone;
  }

  private void count(String topic) {
    List<PartitionInfo> found =
        consumer.partitionsFor(topic, followers.isReached() ? CALL : FIRST_CALL);
    followers.reached();
    if (found == null || found.isEmpty()) {
      throw new KafkaException(
          "the topic "
              + topic
              + " does not exist; start a worker or run 'sandbox topics create'; a reply topic has"
              + " to be created by an operator");
    }
    if (followers.count(topic, found.size())) {
      positions.lookBack();
    }
  }

  /**
   * Reads the partitions that are needed. Returns whether the start offsets of all of them are
   * known.
   */
  private boolean position(boolean forget) {
    if (forget) {
      followers.forget();
    }
    Set<TopicPartition> missing = followers.missing();
    Set<TopicPartition> all = new HashSet<>(missing);
    all.addAll(followers.read());
    positions.set(all);
    if (missing.isEmpty()) {
      return true;
    }
    Set<TopicPartition> known = positions.known(missing);
    followers.read(known);
    missing.removeAll(known);
    for (TopicPartition late : missing) {
      followers.trouble(
          Set.of(late.topic()),
          new TimeoutException(
              "the end of " + late + " is not known: it has no leader, or that does not answer"));
    }
    return missing.isEmpty();
  }

  private void troubled(Throwable e) throws InterruptedException {
    log.debug("answers can't be read; this is tried again", e);
    if (e instanceof TopicAuthorizationException refusal) {
      followers.trouble(refusal.unauthorizedTopics(), e);
      if (recovery.leaveOut(partitions(refusal.unauthorizedTopics()))) {
        return;
      }
    } else if (Recovery.isForBatch(e)) {
      if (isRecovering) { // another one, or one that was not found
        followers.trouble(new CorruptRecordException("some records can't be read: " + e, e));
      }
      isRecovering = true;
    } else {
      followers.trouble(e);
    }
    followers.pause(PAUSE);
  }

  private Set<TopicPartition> partitions(Set<String> topics) {
    return consumer.assignment().stream()
        .filter(partition -> topics.contains(partition.topic()))
        .collect(Collectors.toSet());
  }

  @Override
  public void close() {
    followers.close();
    consumer.wakeup();
    try {
      thread.join(Duration.ofSeconds(10));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
