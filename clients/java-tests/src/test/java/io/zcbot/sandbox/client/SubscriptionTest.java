/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class SubscriptionTest {
  private static final String TOPIC = Topic.REAPED.named("sandbox.");

  private final WaitingConsumer consumer = new WaitingConsumer();
  private final Connection connection;
  private final Sandbox sandbox;

  /** The ids of the events that the consumer was told of. */
  private final BlockingQueue<String> reported = new LinkedBlockingQueue<>();

  SubscriptionTest() {
    consumer.updateEndOffsets(Map.of(new TopicPartition(TOPIC, 0), 0L));
    consumer.updatePartitions(TOPIC, List.of(new PartitionInfo(TOPIC, 0, null, null, null)));
    ByteArraySerializer bytes = new ByteArraySerializer();
    connection =
        new Connection(
            () -> new MockProducer<>(true, null, bytes, bytes),
            consumer,
            Samples.reach(),
            Samples::noTables,
            ClientOptions.defaults());
    sandbox = new Sandbox(connection, Samples.user());
  }

  @AfterEach
  void stop() {
    connection.close();
  }

  private void publish(String eventId) {
    Reaped reaped = Samples.reaped(sandbox.user(), eventId);
    byte[] key = reaped.userId().toString().getBytes(StandardCharsets.UTF_8);
    connection
        .answers()
        .accept(new ConsumerRecord<>(TOPIC, 0, 0, key, new EventCodec().encode(reaped)));
  }

  private String next() throws InterruptedException {
    return reported.poll(60, TimeUnit.SECONDS);
  }

  @Test
  void anErrorOfTheConsumerDoesNotEndItsSubscription() throws Exception {
    sandbox.onReaped(
        reaped -> {
          reported.add(reaped.eventId());
          throw new AssertionError("of the consumer");
        });
    publish("first");
    assertThat(next()).isEqualTo("first");
    publish("second");
    assertThat(next()).isEqualTo("second");
  }

  @Test
  void nothingIsReportedAfterTheEndThoughTheConsumerIgnoresItsInterrupt() throws Exception {
    BlockingQueue<Thread> threads = new LinkedBlockingQueue<>();
    Subscription subscription =
        sandbox.onReaped(
            reaped -> {
              reported.add(reaped.eventId());
              threads.add(Thread.currentThread());
              ignoreAnInterrupt();
            });
    publish("first");
    publish("second");
    Thread thread = threads.poll(60, TimeUnit.SECONDS);
    subscription.close();
    assertThat(thread.join(Duration.ofSeconds(60))).isTrue();
    assertThat(reported).containsExactly("first");
  }

  private static void ignoreAnInterrupt() {
    try {
      new CountDownLatch(1).await();
    } catch (InterruptedException e) {
      // as consumers do
    }
  }
}
