/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.CurrentSandbox;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.InvalidOffsetException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.errors.WakeupException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All users' current sandboxes, from the table {@code sandbox.current}, which a thread follows
 * until this is closed. Make one and keep it: it reads the whole table. Safe for concurrent use.
 *
 * <p>What is published is seen soon, and certainly after {@link #awaitCurrent}. Before the first
 * such call has returned true, sandboxes can be missing.
 */
public final class SandboxTable implements AutoCloseable {
  /** The most memory for entries, unless another bound is given. */
  public static final long DEFAULT_MAX_BYTES = 64L << 20;

  private static final Logger log = LoggerFactory.getLogger(SandboxTable.class);

  private static final Duration POLL = Duration.ofMillis(500);
  private static final Duration CALL = Duration.ofSeconds(2);
  private static final Duration CLOSE = Duration.ofSeconds(2);
  private static final Duration RECOUNT = Duration.ofSeconds(10);

  /** Time before a failed operation is tried again. */
  private static final Duration PAUSE = Duration.ofMillis(200);

  /** Time before the table is read again after an error that nobody knows. */
  private static final Duration FAILED = Duration.ofSeconds(1);

  /** Time before a table that was too large is read again. */
  private static final Duration TOO_LARGE = Duration.ofSeconds(30);

  /** The memory of an entry besides its texts, in bytes. */
  private static final int OVERHEAD = 600;

  private final Consumer<byte[], byte[]> consumer;
  private final EndOffsets ends;
  private final String topic;
  private final long maxBytes;
  private final Predicate<CurrentSandbox> kept;
  private final java.util.function.Consumer<SandboxTable> onClose;
  private final EventCodec codec = new EventCodec();
  private final Thread thread;
  private final Map<UserId, Entry> entries = new ConcurrentHashMap<>();
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  // Guarded by the lock.
  private final Map<TopicPartition, Long> positions = new HashMap<>();
  private Set<TopicPartition> partitions = Set.of();
  private @Nullable Throwable trouble;
  private boolean isClosed;

  private volatile boolean isTooLarge;

  /** Written by the thread only. */
  private volatile long bytes;

  // Used by the thread only.
  private boolean isBegun;
  private boolean isWarned;
  private Deadline recount = Deadline.in(Duration.ZERO);
  private @Nullable Throwable logged;

  private record Entry(CurrentSandbox current, int bytes) {}

  /**
   * @param consumer one that begins where it is told to, and nowhere else
   */
  SandboxTable(
      Consumer<byte[], byte[]> consumer,
      EndOffsets ends,
      String topicPrefix,
      long maxBytes,
      Predicate<CurrentSandbox> kept,
      java.util.function.Consumer<SandboxTable> onClose) {
    this.consumer = consumer;
    this.ends = new SharedEndOffsets(ends);
    this.topic = Topic.CURRENT.named(topicPrefix);
    this.maxBytes = maxBytes;
    this.kept = kept;
    this.onClose = onClose;
    this.thread = Thread.ofPlatform().daemon().name("zcbot-client-table").unstarted(this::run);
  }

  void start() {
    thread.start();
  }

  /**
   * Returns a user's current sandbox; empty if there is none.
   *
   * @throws SandboxException if the table takes more memory than allowed
   */
  public Optional<CurrentSandbox> get(UserId user) {
    requireRoom();
    return Optional.ofNullable(entries.get(user)).map(Entry::current);
  }

  /**
   * Returns all users' current sandboxes, in no order.
   *
   * @throws SandboxException if the table takes more memory than allowed
   */
  public Collection<CurrentSandbox> all() {
    requireRoom();
    return entries.values().stream().map(Entry::current).toList();
  }

  /** Returns the memory that the entries take, in bytes. */
  public long bytes() {
    return bytes;
  }

  private void requireRoom() {
    if (isTooLarge) {
      throw new SandboxException(
          topic
              + " takes more than "
              + maxBytes
              + " bytes of memory; allow more, see"
              + " SandboxClient.sandboxes(long)",
          null);
    }
  }

  /**
   * Waits until the table has everything that was written before this call, which usually takes
   * some milliseconds.
   *
   * @return false if that is not known within this time, because brokers do not answer
   * @throws SandboxException if the table takes more memory than allowed, or brokers refuse to show
   *     it
   * @throws ClientClosedException if this or the client is closed
   */
  public boolean awaitCurrent(Duration within) throws InterruptedException {
    Deadline.requirePositive("within", within);
    Deadline deadline = Deadline.in(within);
    Set<TopicPartition> all = awaitPartitions(deadline);
    if (all.isEmpty()) {
      return false;
    }
    Map<TopicPartition, Long> wanted;
    try {
      wanted = ends.of(all, deadline);
    } catch (KafkaException e) {
      throw refused(e);
    }
    return awaitPositions(wanted, deadline);
  }

  /**
   * Waits until something is true of what {@link #get} and {@link #all} return. That is looked at
   * whenever more was read, which asks no broker.
   *
   * @param condition is called by this thread and must not block
   * @return false if it is not true within this time
   * @throws SandboxException if the table takes more memory than allowed, or brokers refuse to show
   *     it
   * @throws ClientClosedException if this or the client is closed
   */
  public boolean await(BooleanSupplier condition, Duration within) throws InterruptedException {
    Deadline.requirePositive("within", within);
    Deadline deadline = Deadline.in(within);
    lock.lockInterruptibly();
    try {
      return await(condition, deadline);
    } finally {
      lock.unlock();
    }
  }

  private Set<TopicPartition> awaitPartitions(Deadline deadline) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      boolean unused = await(() -> !partitions.isEmpty(), deadline);
      return partitions;
    } finally {
      lock.unlock();
    }
  }

  /**
   * @param wanted null if it is not known
   */
  private boolean awaitPositions(@Nullable Map<TopicPartition, Long> wanted, Deadline deadline)
      throws InterruptedException {
    lock.lockInterruptibly();
    try {
      return await(() -> wanted != null && isRead(wanted), deadline);
    } finally {
      lock.unlock();
    }
  }

  private boolean isRead(Map<TopicPartition, Long> wanted) {
    return wanted.entrySet().stream()
        .allMatch(each -> positions.getOrDefault(each.getKey(), -1L) >= each.getValue());
  }

  /** Waits for something. Returns whether it is so at the deadline. */
  private boolean await(BooleanSupplier isDone, Deadline deadline) throws InterruptedException {
    while (true) {
      requireOpen();
      requireRoom();
      if (isDone.getAsBoolean()) {
        return true;
      }
      if (trouble != null && !(trouble instanceof RetriableException)) {
        throw refused(trouble);
      }
      if (deadline.isOver()) {
        return false;
      }
      changed.awaitNanos(deadline.nanosLeft());
    }
  }

  private void requireOpen() {
    if (isClosed) {
      throw new ClientClosedException();
    }
  }

  private SandboxException refused(Throwable e) {
    return new SandboxException(
        "can't read "
            + topic
            + ": "
            + e.getMessage()
            + "; check the topic, the client's settings and its permissions",
        e);
  }

  // --- the thread ------------------------------------------------------------------------------

  private void change(Runnable action) {
    lock.lock();
    try {
      action.run();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private void run() {
    try {
      while (!pause(Duration.ZERO)) {
        try {
          count();
          if (!isBegun) {
            begin();
          }
          ConsumerRecords<byte[], byte[]> records = consumer.poll(POLL);
          records.forEach(this::accept);
          readTo();
        } catch (WakeupException e) {
          // this is closed
        } catch (InvalidOffsetException e) {
          troubled(e);
          isBegun = false;
        } catch (KafkaException e) {
          troubled(e);
          boolean unused = pause(PAUSE);
        } catch (RuntimeException | Error e) { // otherwise the table would stay as it is for ever
          log.error("reading {} failed; it is read again in {}", topic, FAILED, e);
          change(() -> trouble = e);
          isBegun = false; // some records may be lost
          boolean unused = pause(FAILED);
        }
        if (isTooLarge) {
          boolean unused = pause(TOO_LARGE);
          isBegun = false;
        }
      }
    } catch (InterruptedException e) {
      log.warn("the reader of {} was interrupted and ends", topic);
      change(() -> trouble = e);
    } finally {
      consumer.close(CloseOptions.timeout(CLOSE));
    }
  }

  /** Finds out which partitions there are, now and then. */
  private void count() {
    if (!recount.isOver()) {
      return;
    }
    List<PartitionInfo> found = consumer.partitionsFor(topic, CALL);
    if (found == null || found.isEmpty()) {
      throw new UnknownTopicOrPartitionException("the topic " + topic + " does not exist");
    }
    recount = Deadline.in(RECOUNT);
    Set<TopicPartition> all = new HashSet<>();
    found.forEach(each -> all.add(new TopicPartition(topic, each.partition())));
    if (!all.equals(consumer.assignment())) {
      consumer.assign(all);
      isBegun = false;
    }
  }

  /** Reads the table from its beginning. */
  private void begin() {
    entries.clear();
    bytes = 0;
    isWarned = false;
    consumer.seekToBeginning(consumer.assignment());
    change(
        () -> {
          isTooLarge = false;
          positions.clear();
          partitions = Set.copyOf(consumer.assignment());
        });
    isBegun = true;
  }

  private void accept(ConsumerRecord<byte[], byte[]> record) {
    if (isTooLarge || record.key() == null) {
      return;
    }
    try {
      UserId user = UserId.parse(new String(record.key(), StandardCharsets.US_ASCII));
      if (record.value() == null) {
        replace(user, null);
      } else if (record.value().length <= Topic.CURRENT.maxBytes()) {
        CurrentSandbox current = codec.decodeCurrent(record.value());
        if (current.userId().equals(user)) {
          replace(
              user,
              kept.test(current) ? new Entry(current, OVERHEAD + 2 * record.value().length) : null);
        }
      }
    } catch (IllegalArgumentException | EventFormatException e) {
      log.debug("{}-{}@{} is no entry: {}", topic, record.partition(), record.offset(), e);
    }
  }

  private void replace(UserId user, @Nullable Entry entry) {
    Entry before = entry == null ? entries.remove(user) : entries.put(user, entry);
    long now = bytes + (entry == null ? 0 : entry.bytes()) - (before == null ? 0 : before.bytes());
    bytes = now;
    if (now > maxBytes - maxBytes / 5 && !isWarned) {
      isWarned = true;
      log.warn("{} takes more than 80 % of the {} bytes of memory that it may", topic, maxBytes);
    }
    if (now > maxBytes) {
      log.error(
          "{} takes more than {} bytes of memory; it is read again in {}",
          topic,
          maxBytes,
          TOO_LARGE);
      change(() -> isTooLarge = true);
      entries.clear();
    }
  }

  /** Notes how far the partitions were read. */
  private void readTo() {
    Map<TopicPartition, Long> read = new HashMap<>();
    for (TopicPartition partition : consumer.assignment()) {
      try {
        read.put(partition, consumer.position(partition, Duration.ZERO));
      } catch (TimeoutException e) {
        // it is not known yet where the partition begins
      }
    }
    logged = null;
    change(
        () -> {
          trouble = null;
          positions.putAll(read);
        });
  }

  private void troubled(KafkaException e) {
    if (logged == null || logged.getClass() != e.getClass()) {
      log.warn("{} can't be read; this is tried again", topic, e);
    }
    logged = e;
    change(() -> trouble = e);
  }

  /** Waits for some time. Returns whether this is closed. */
  private boolean pause(Duration time) throws InterruptedException {
    lock.lock();
    try {
      long wait = time.toNanos();
      while (!isClosed && wait > 0) {
        wait = changed.awaitNanos(wait);
      }
      return isClosed;
    } finally {
      lock.unlock();
    }
  }

  /** Stops reading. The last known sandboxes can still be got; waits throw. */
  @Override
  public void close() {
    change(() -> isClosed = true);
    consumer.wakeup();
    ends.close();
    onClose.accept(this);
    try {
      thread.join(CLOSE);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
