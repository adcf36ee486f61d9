/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.commands.CommandTable;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.jspecify.annotations.Nullable;

/**
 * Writes the command table. {@link #started} blocks. The other writes are asynchronous: for each
 * command one at a time, only the newest state, and repeated until the log has it. Thread-safe.
 */
public final class KafkaCommandTable implements CommandTable {
  private static final Duration RETRY = Duration.ofSeconds(1);

  private final Publisher publisher;
  private final KeyPartitions partitions;
  private final String topic;
  private final ScheduledExecutorService timer;
  private final EventCodec codec = new EventCodec();
  private final Map<Key, Pending> pending = new HashMap<>();

  /** The pending keys to send next. */
  private final Deque<Key> unsent = new ArrayDeque<>();

  private boolean isSending;

  private record Key(UserId user, String execId) {}

  /** The state that the log should have; null removes the entry. */
  private static final class Pending {
    @Nullable CommandEntry wanted;
    boolean isNewer;
  }

  /**
   * Creates the table.
   *
   * @param timer runs the retries
   */
  public KafkaCommandTable(
      Publisher publisher,
      KeyPartitions partitions,
      String topicPrefix,
      ScheduledExecutorService timer) {
    this.publisher = publisher;
    this.partitions = partitions;
    this.topic = Topic.COMMANDS.named(topicPrefix);
    this.timer = timer;
  }

  @Override
  public void started(CommandEntry entry, Fence fence)
      throws FencedException, InterruptedException {
    publisher.send(record(entry.userId(), entry.execId(), entry), fence);
  }

  @Override
  public void answered(CommandEntry entry) {
    write(new Key(entry.userId(), entry.execId()), entry.asAnswered());
  }

  @Override
  public void remove(UserId user, String execId) {
    write(new Key(user, execId), null);
  }

  private void write(Key key, @Nullable CommandEntry wanted) {
    synchronized (pending) {
      Pending before = pending.get(key);
      if (before != null) {
        before.wanted = wanted;
        before.isNewer = true;
        return;
      }
      Pending fresh = new Pending();
      fresh.wanted = wanted;
      pending.put(key, fresh);
    }
    enqueue(key);
  }

  /** Has a key sent on another thread, because the producer blocks while it is full. */
  private void enqueue(Key key) {
    synchronized (pending) {
      unsent.add(key);
      if (isSending) {
        return;
      }
      isSending = true;
    }
    Threads.start("command-table", this::sendAll);
  }

  private void sendAll() {
    while (true) {
      Key key;
      CommandEntry wanted;
      synchronized (pending) {
        key = unsent.poll();
        if (key == null) {
          isSending = false;
          return;
        }
        Pending now = Objects.requireNonNull(pending.get(key));
        now.isNewer = false;
        wanted = now.wanted;
      }
      var _ =
          publisher
              .sendOnce(record(key.user, key.execId, wanted))
              .whenComplete((_, failure) -> sent(key, failure == null));
    }
  }

  private void sent(Key key, boolean succeeded) {
    synchronized (pending) {
      Pending now = Objects.requireNonNull(pending.get(key));
      if (succeeded && !now.isNewer) {
        pending.remove(key);
        return;
      }
    }
    if (succeeded) {
      enqueue(key);
    } else if (!timer.isShutdown()) {
      var _ = timer.schedule(() -> enqueue(key), RETRY.toMillis(), TimeUnit.MILLISECONDS);
    }
  }

  /** Names the user's partition, since the key contains more than the user. */
  private ProducerRecord<byte[], byte[]> record(
      UserId user, String execId, @Nullable CommandEntry entry) {
    return new ProducerRecord<>(
        topic,
        partitions.of(user),
        codec.commandKey(user, execId),
        entry == null ? null : codec.encodeCommand(entry));
  }
}
