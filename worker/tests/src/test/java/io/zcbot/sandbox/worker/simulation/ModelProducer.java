/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TopicAuthorizationException;

/**
 * A producer. Records that were sent when a connection broke may be in the log, and are sent again
 * without being duplicated. Once the producer gave up on a record, its outcome is unknown.
 */
final class ModelProducer extends MockProducer<byte[], byte[]> {
  static final Duration DELIVERY_TIMEOUT = Duration.ofSeconds(30);
  private static final Duration RETRY = Duration.ofMillis(500);

  private final ModelBroker broker;
  private final Machine machine;
  private final Machine.Process process;
  private final Map<TopicPartition, CompletableFuture<RecordMetadata>> last = new HashMap<>();

  ModelProducer(ModelBroker broker) {
    this.broker = broker;
    this.machine = broker.machine;
    this.process = machine.process();
  }

  private final class Sending {
    final ProducerRecord<byte[], byte[]> record;
    final CompletableFuture<RecordMetadata> done = new CompletableFuture<>();
    final long deadline = machine.nanos() + DELIVERY_TIMEOUT.toNanos();
    final boolean wasOwners;
    boolean appended;

    Sending(ProducerRecord<byte[], byte[]> record) {
      this.record = record;
      this.wasOwners = ownerOf(record).equals(Optional.of(process.toString()));
    }

    void attempt() {
      if (broker.reaches(process, ModelBroker.PRODUCE)
          && broker.reaches(process, partition(record))) {
        machine.outside().after(broker.latency(), this::arrive);
        return;
      }
      if (!appended && machine.random().nextInt(10) == 0 && !broker.isDenied(record.topic())) {
        append(); // but the answer is lost
      }
      if (machine.nanos() >= deadline) {
        done.completeExceptionally(new TimeoutException("not delivered"));
      } else {
        process.after(RETRY, this::attempt);
      }
    }

    private void arrive() {
      if (broker.isDenied(record.topic())) {
        process.after(
            broker.latency(),
            () -> done.completeExceptionally(new TopicAuthorizationException(record.topic())));
        return;
      }
      append();
      process.after(
          broker.latency(),
          () ->
              done.complete(
                  new RecordMetadata(new TopicPartition(record.topic(), 0), 0, 0, 0, 0, 0)));
    }

    private void append() {
      if (!appended) {
        appended = true;
        broker.append(record);
        if (wasOwners && !ownerOf(record).orElse(process.toString()).equals(process.toString())) {
          broker.tookLate(record);
        }
      }
    }
  }

  /** The owner of a record's user, which is its key. */
  private Optional<String> ownerOf(ProducerRecord<byte[], byte[]> record) {
    return Optional.ofNullable(broker.group.ownerOf(partition(record).partition()));
  }

  private TopicPartition partition(ProducerRecord<byte[], byte[]> record) {
    Integer to = record.partition();
    return new TopicPartition(
        record.topic(), to == null ? broker.partitionOf(record.key()) : to.intValue());
  }

  @Override
  public Future<RecordMetadata> send(ProducerRecord<byte[], byte[]> record) {
    return hand(record);
  }

  private CompletableFuture<RecordMetadata> hand(ProducerRecord<byte[], byte[]> record) {
    Sending sending = new Sending(record);
    TopicPartition partition = partition(record);
    // In the order of the calls, as an idempotent producer's are.
    CompletableFuture<RecordMetadata> before = last.put(partition, sending.done);
    if (before == null || before.isDone()) {
      process.after(broker.latency(), sending::attempt);
    } else {
      var _ = before.whenComplete((_, _) -> process.after(broker.latency(), sending::attempt));
    }
    return sending.done;
  }

  @Override
  public Future<RecordMetadata> send(ProducerRecord<byte[], byte[]> record, Callback callback) {
    CompletableFuture<RecordMetadata> done = hand(record);
    var _ = done.whenComplete((at, e) -> callback.onCompletion(at, (Exception) e));
    return done;
  }

  @Override
  public void close(Duration timeout) {}
}
