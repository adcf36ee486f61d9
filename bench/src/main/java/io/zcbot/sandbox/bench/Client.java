/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.kafka.Origins;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.HdrHistogram.Histogram;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * An agent service: publishes ensures, receives what became of them, and takes the time between.
 */
final class Client implements AutoCloseable {
  private record Pending(long intended, Histogram into) {}

  private final String prefix;
  private final Producer<byte[], byte[]> producer;
  private final Consumer<byte[], byte[]> consumer;
  private final Map<String, Pending> pending = new ConcurrentHashMap<>();
  private final Thread receiver;
  private volatile boolean closed;
  private volatile long lastAnswer;
  private volatile String failure = "";

  Client(Kafka kafka, String prefix, int partitions) {
    this.prefix = prefix;
    this.producer = kafka.clients(prefix, "client").producer();
    this.consumer = kafka.fromEnd(prefix, "client", partitions, Topic.READY, Topic.FAILED);
    this.receiver = Thread.ofPlatform().name("client").start(this::receive);
  }

  /** Publishes an ensure that was to be published at an instant. */
  void ensure(UserId user, long intended, Histogram into) {
    Ensure ensure = new Ensure(UUID.randomUUID().toString(), user, Instant.now(), "bench", null);
    pending.put(ensure.eventId(), new Pending(intended, into));
    producer.send(
        new ProducerRecord<>(
            Topic.ENSURE.named(prefix), Kafka.CODEC.key(ensure), Kafka.CODEC.encode(ensure)));
  }

  /** Publishes ensures for all at once. */
  void ensureAll(List<UserId> users, Histogram into) {
    long now = System.nanoTime();
    users.forEach(user -> ensure(user, now, into));
  }

  /** Ensures of these users in turn at a fixed rate; returns once all are answered. */
  void load(List<UserId> users, double perSecond, double seconds, Histogram into) throws Exception {
    OpenLoop.run(
        perSecond, seconds, (i, intended) -> ensure(users.get(i % users.size()), intended, into));
    awaitAnswers();
  }

  /** Waits until nothing is unanswered; the instant of the last answer. */
  long awaitAnswers() throws InterruptedException {
    long deadline = System.nanoTime() + Duration.ofSeconds(90).toNanos();
    while (!pending.isEmpty()) {
      if (System.nanoTime() > deadline) {
        throw new IllegalStateException(pending.size() + " ensures without an answer");
      }
      Thread.sleep(1);
    }
    if (!failure.isEmpty()) {
      throw new IllegalStateException("an ensure failed: " + failure);
    }
    return lastAnswer;
  }

  private void receive() {
    try (consumer) {
      while (!closed) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
          long now = System.nanoTime();
          Pending answered = pending.get(ensureId(record));
          if (answered != null) {
            answered.into.recordValue(Math.max(0, now - answered.intended) / 1000);
            lastAnswer = now;
            pending.remove(ensureId(record));
          }
        }
      }
    } catch (EventFormatException e) {
      failure = e.toString();
    }
  }

  private String ensureId(ConsumerRecord<byte[], byte[]> record) throws EventFormatException {
    boolean ready = record.topic().equals(Topic.READY.named(prefix));
    Origin origin = Origins.of(record);
    return switch (Kafka.CODEC.decode(
        ready ? Topic.READY : Topic.FAILED, record.key(), record.value(), origin)) {
      case Ready r -> r.ensureId();
      case Failed f -> {
        failure = f.toString();
        yield f.ensureId();
      }
      default -> "";
    };
  }

  @Override
  public void close() {
    closed = true;
    try {
      receiver.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    producer.close();
  }
}
