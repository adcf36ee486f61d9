/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.kafka.Origins;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Answers each ensure with a ready at once and does nothing: what is left is Kafka. */
final class Echo implements AutoCloseable {
  private final String prefix;
  private final Consumer<byte[], byte[]> consumer;
  private final Producer<byte[], byte[]> producer;
  private final Thread thread;
  private volatile boolean closed;

  Echo(Kafka kafka, String prefix, int partitions) {
    this.prefix = prefix;
    this.consumer = kafka.fromEnd(prefix, "echo", partitions, Topic.ENSURE);
    this.producer = kafka.clients(prefix, "echo").producer();
    this.thread = Thread.ofPlatform().name("echo").start(this::run);
  }

  private void run() {
    try (consumer) {
      while (!closed) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
          Origin origin = Origins.of(record);
          Ready ready = ready(Kafka.CODEC.decodeEnsure(record.key(), record.value(), origin));
          producer.send(
              new ProducerRecord<>(
                  Topic.READY.named(prefix), Kafka.CODEC.key(ready), Kafka.CODEC.encode(ready)));
        }
      }
    } catch (EventFormatException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Ready ready(Ensure ensure) {
    return new Ready(
        UUID.randomUUID().toString(),
        ensure.userId(),
        ensure.eventId(),
        Instant.now(),
        new ContainerRef("zcbot-sandbox-" + ensure.userId(), "0".repeat(64), "bench", "echo"),
        Ready.Outcome.REUSED,
        new Ready.Environment("unix:///none", "none", "default", "/none", null),
        0);
  }

  @Override
  public void close() {
    closed = true;
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    producer.close();
  }
}
