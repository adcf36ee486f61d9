/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

import io.zcbot.sandbox.worker.base.Budget;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.kafka.RecordSize;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.producer.BufferExhaustedException;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.jspecify.annotations.Nullable;

/**
 * Hands records to a producer so that a partition which takes nothing leaves room in its buffer for
 * the others. The producer gives its buffer in the order of the calls, and keeps a record of such a
 * partition for {@code delivery.timeout.ms}: a few large ones would have everybody's answers wait.
 * So large records, and diverted ones of any size, which are as many as anybody likes, wait here
 * for room. They have it until the producer is done with them. Thread-safe.
 */
final class FairProducer {
  /** What the producer takes for any record: a batch. Answers up to this size need no room. */
  private static final int SMALL = 16 * 1024;

  /** One record always fits, even if it is larger. */
  private static final int OF_PARTITION = 1024 * 1024;

  /** For streamed output of all partitions. */
  private static final int OF_STREAMS = 4 * 1024 * 1024;

  /** For all else. The rest of the producer's buffer is for small answers. */
  private static final int OF_ALL = 3 * 1024 * 1024;

  /** What a batch takes besides the content of its first record, roughly. */
  private static final int OVERHEAD = 128;

  /** Stands for the partition of a record that leaves the choice to the producer. */
  private static final int ANY = -1;

  /**
   * Has the share, in what is for all, of all partitions of which a record failed since the log
   * last had one.
   */
  private static final TopicPartition FAILING = new TopicPartition("", ANY);

  private final Producer<byte[], byte[]> producer;
  private final KeyPartitions partitions;
  private final Map<TopicPartition, State> states = new ConcurrentHashMap<>();
  private final Budget<TopicPartition> each = new Budget<>(Integer.MAX_VALUE, OF_PARTITION);
  private final Budget<TopicPartition> all = new Budget<>(OF_ALL, OF_PARTITION);
  private final Budget<TopicPartition> streams = new Budget<>(OF_STREAMS, OF_PARTITION);

  FairProducer(Producer<byte[], byte[]> producer, KeyPartitions partitions) {
    this.producer = producer;
    this.partitions = partitions;
  }

  /**
   * Hands over an answer; waits for room if it is large.
   *
   * @param fence passed behind that wait
   */
  Future<RecordMetadata> send(ProducerRecord<byte[], byte[]> record, Fence fence)
      throws FencedException, InterruptedException {
    if (sizeOf(record) > SMALL) {
      return sendInTurn(record, fence);
    }
    fence.pass();
    State state = states.get(partitionOf(record));
    return state == null // it has had no large record yet
        ? producer.send(record)
        : producer.send(
            record,
            (_, failure) -> {
              if (failure == null) {
                state.note(null);
              }
            });
  }

  /** Hands over a record of any size, once there is room for it. */
  Future<RecordMetadata> sendInTurn(ProducerRecord<byte[], byte[]> record, Fence fence)
      throws FencedException, InterruptedException {
    fence.pass(); // it may wait for the group for long: not while it takes room
    Admission admission = admit(record, sizeOf(record), all);
    admission.pass(fence);
    return admission.send(record, (_, _) -> {});
  }

  /** As {@link #sendInTurn}, for streamed output. */
  Future<RecordMetadata> sendStreamedInTurn(ProducerRecord<byte[], byte[]> record, Fence fence)
      throws FencedException, InterruptedException {
    return admitStreamed(record, fence).send(record, (_, _) -> {});
  }

  /**
   * As {@link #sendOnce}, once there is room for the record.
   *
   * @param isVain looked at behind that wait; if it is true, the result fails and nothing is sent
   */
  CompletableFuture<Void> sendOnceInTurn(
      ProducerRecord<byte[], byte[]> record, BooleanSupplier isVain) throws InterruptedException {
    return once(record, admit(record, sizeOf(record), all), isVain);
  }

  /**
   * As {@link #sendOnceInTurn}, for streamed output, of any size: all commands of a worker have
   * much of it together. The fence is passed behind the wait.
   */
  CompletableFuture<Void> sendStreamed(
      ProducerRecord<byte[], byte[]> record, Fence fence, BooleanSupplier isVain)
      throws FencedException, InterruptedException {
    return once(record, admitStreamed(record, fence), isVain);
  }

  private Admission admitStreamed(ProducerRecord<byte[], byte[]> record, Fence fence)
      throws FencedException, InterruptedException {
    fence.pass(); // as for an answer
    // Each may take a batch of its own.
    Admission admission = admit(record, Math.max(SMALL, sizeOf(record)), streams);
    admission.pass(fence);
    return admission;
  }

  private static CompletableFuture<Void> once(
      ProducerRecord<byte[], byte[]> record, Admission admission, BooleanSupplier isVain) {
    if (isVain.getAsBoolean()) {
      admission.leave();
      return CompletableFuture.failedFuture(new IllegalStateException("it would be in vain"));
    }
    return once(record, admission::send);
  }

  /**
   * Hands over a record that needs no room, because it is small, or because something else bounds
   * what is on its way. The result fails if the log does not take it.
   */
  CompletableFuture<Void> sendOnce(ProducerRecord<byte[], byte[]> record) {
    return once(record, producer::send);
  }

  private interface Sender {
    Future<RecordMetadata> send(ProducerRecord<byte[], byte[]> record, Callback callback);
  }

  private static CompletableFuture<Void> once(
      ProducerRecord<byte[], byte[]> record, Sender sender) {
    CompletableFuture<Void> sent = new CompletableFuture<>();
    try {
      var _ =
          sender.send(
              record,
              (_, e) -> {
                if (e == null) {
                  sent.complete(null);
                } else {
                  sent.completeExceptionally(e);
                }
              });
    } catch (RuntimeException e) { // its buffer is full, or it knows no leader
      sent.completeExceptionally(e);
    }
    return sent;
  }

  /**
   * Waits for room. Those before it in the same partition come first, then those of other
   * partitions that fail as well, if it fails, and then all.
   */
  private Admission admit(
      ProducerRecord<byte[], byte[]> record, int size, Budget<TopicPartition> together)
      throws InterruptedException {
    TopicPartition partition = partitionOf(record);
    State state = states.computeIfAbsent(partition, _ -> new State());
    Admission admission = new Admission(state);
    try {
      admission.take(each.of(partition), size);
      // Never more than there is, or it would wait for good.
      admission.take(together.of(state.isFailing ? FAILING : partition), Math.min(size, OF_ALL));
    } catch (InterruptedException e) {
      admission.leave();
      throw e;
    }
    return admission;
  }

  private TopicPartition partitionOf(ProducerRecord<byte[], byte[]> record) {
    Integer partition = record.partition();
    byte[] key = record.key();
    return new TopicPartition(
        record.topic(),
        partition != null ? partition.intValue() : key == null ? ANY : partitions.of(key));
  }

  private static int sizeOf(ProducerRecord<byte[], byte[]> record) {
    return Math.toIntExact(OVERHEAD + RecordSize.of(record));
  }

  /** What is known of one partition. */
  private static final class State {
    /** Whether the log did not take the last record of which that is known. */
    volatile boolean isFailing;

    void note(@Nullable Exception failure) {
      if (failure == null) {
        isFailing = false;
      } else if (!(failure instanceof RecordTooLargeException)
          && !(failure instanceof BufferExhaustedException)) { // these don't tell of the partition
        isFailing = true;
      }
    }
  }

  /** The room that one record takes. */
  private final class Admission {
    private final State state;
    private final List<Runnable> taken = new ArrayList<>();

    Admission(State state) {
      this.state = state;
    }

    private void take(Budget<TopicPartition>.Share from, int size) throws InterruptedException {
      from.take(size);
      synchronized (taken) {
        taken.add(() -> from.give(size));
      }
    }

    /** Passes a fence; gives the room back if that fails. */
    void pass(Fence fence) throws FencedException, InterruptedException {
      try {
        fence.pass();
      } catch (Throwable e) {
        leave();
        throw e;
      }
    }

    /**
     * Sends the record. Once the producer is done with it, first the caller is notified, and then
     * the room is given back.
     */
    Future<RecordMetadata> send(ProducerRecord<byte[], byte[]> record, Callback callback) {
      try {
        return producer.send(
            record,
            (at, failure) -> {
              state.note(failure);
              callback.onCompletion(at, failure);
              leave();
            });
      } catch (Throwable e) {
        leave();
        throw e;
      }
    }

    /** Gives the room back; may be called more than once. */
    void leave() {
      synchronized (taken) {
        taken.forEach(Runnable::run);
        taken.clear();
      }
    }
  }

  /** Flushes for a limited time. What waits for room has it then, and is refused. */
  void close(Duration flushing) {
    producer.close(flushing);
  }
}
