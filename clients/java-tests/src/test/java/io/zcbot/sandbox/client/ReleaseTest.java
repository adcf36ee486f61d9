/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Release;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ReleaseTest {
  private static final TopicPartition TABLE = new TopicPartition("sandbox.current", 0);

  private static final TopicPartition ENDS = new TopicPartition("sandbox.reaped", 0);

  private final BlockingQueue<ProducerRecord<byte[], byte[]>> published =
      new LinkedBlockingQueue<>();
  private final MockProducer<byte[], byte[]> producer =
      new MockProducer<>(true, null, new ByteArraySerializer(), new ByteArraySerializer()) {
        @Override
        public Future<RecordMetadata> send(
            ProducerRecord<byte[], byte[]> published, Callback callback) {
          Future<RecordMetadata> sent = super.send(published, callback);
          ReleaseTest.this.published.add(published);
          return sent;
        }
      };
  private final WaitingConsumer consumer =
      new WaitingConsumer() {
        @Override
        public List<PartitionInfo> partitionsFor(String topic, Duration timeout) {
          asked.compareAndSet(null, Instant.now());
          LockSupport.parkNanos(delay.toNanos());
          return super.partitionsFor(topic, timeout);
        }
      };

  /** The users who have a sandbox. */
  private final MockConsumer<byte[], byte[]> table = new MockConsumer<>("none");

  private final AtomicReference<Instant> asked = new AtomicReference<>();

  /** How long brokers take to tell the partitions of a topic. */
  private volatile Duration delay = Duration.ZERO;

  private final UserId user = Samples.user();
  private final List<String> ended = new CopyOnWriteArrayList<>();
  private final ClientMetrics metrics =
      new ClientMetrics() {
        @Override
        public void ended(Request request, String outcome, Duration took) {
          ended.add(request + " " + outcome);
        }
      };
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private Connection connection;

  @BeforeEach
  void start() {
    consumer.updateEndOffsets(Map.of(ENDS, 0L));
    consumer.updatePartitions(
        ENDS.topic(), List.of(new PartitionInfo(ENDS.topic(), 0, null, null, null)));
    connection =
        new Connection(
            () -> producer,
            consumer,
            Samples.reach(),
            () -> table,
            ClientOptions.defaults().withMetrics(metrics));
  }

  @AfterEach
  void stop() {
    connection.close();
    threads.shutdownNow();
  }

  private Future<Optional<Reaped>> release(Duration within) throws InterruptedException {
    Future<Optional<Reaped>> end =
        threads.submit(() -> new Sandbox(connection, user).release(within));
    assertThat(published.poll(30, TimeUnit.SECONDS)).isNotNull();
    return end;
  }

  @Test
  void theEndOfTheSandboxIsTheResultOfItsRelease() throws Exception {
    Future<Optional<Reaped>> end = release(Duration.ofSeconds(50));
    Reaped reaped = Samples.reaped(user, "e");
    consumer.addRecord(
        new ConsumerRecord<>(
            ENDS.topic(),
            0,
            0,
            user.toString().getBytes(StandardCharsets.UTF_8),
            new EventCodec().encode(reaped)));
    assertThat(end.get(30, TimeUnit.SECONDS)).contains(reaped);
    assertThat(ended).containsExactly("RELEASE " + reaped.reason().wire());
  }

  private void tableHas(long records) {
    table.updatePartitions(
        TABLE.topic(), List.of(new PartitionInfo(TABLE.topic(), 0, null, null, null)));
    table.updateBeginningOffsets(Map.of(TABLE, 0L));
    table.updateEndOffsets(Map.of(TABLE, records));
  }

  /** The user's last record says so, and others may have one. */
  @Test
  void withoutASandboxThereIsNoEndSoon() throws Exception {
    tableHas(3);
    table.schedulePollTask(
        () -> {
          byte[] key = user.toString().getBytes(StandardCharsets.UTF_8);
          byte[] other = Samples.user().toString().getBytes(StandardCharsets.UTF_8);
          table.addRecord(new ConsumerRecord<>(TABLE.topic(), 0, 0, key, new byte[1]));
          table.addRecord(new ConsumerRecord<>(TABLE.topic(), 0, 1, other, new byte[1]));
          table.addRecord(new ConsumerRecord<>(TABLE.topic(), 0, 2, key, null));
        });
    assertThat(release(Duration.ofSeconds(600)).get(60, TimeUnit.SECONDS)).isEmpty();
    assertThat(ended).containsExactly("RELEASE none");
    assertThat(table.closed()).isTrue();
  }

  @Test
  void theEndOfASandboxIsAwaitedAsLongAsTheCallerSays() throws Exception {
    tableHas(1);
    table.schedulePollTask(
        () -> {
          byte[] key = user.toString().getBytes(StandardCharsets.UTF_8);
          table.addRecord(new ConsumerRecord<>(TABLE.topic(), 0, 0, key, new byte[1]));
        });
    long began = System.nanoTime();
    assertThat(release(Duration.ofSeconds(4)).get(60, TimeUnit.SECONDS)).isEmpty();
    assertThat(Duration.ofNanos(System.nanoTime() - began)).isGreaterThan(Duration.ofSeconds(3));
  }

  @Test
  void withoutATableThereIsNoEndInThatTime() throws Exception {
    long began = System.nanoTime();
    assertThat(release(Duration.ofSeconds(4)).get(60, TimeUnit.SECONDS)).isEmpty();
    assertThat(Duration.ofNanos(System.nanoTime() - began)).isGreaterThan(Duration.ofSeconds(3));
  }

  /** However long the brokers take before it is published. */
  @Test
  void aReleaseExpiresWhenNobodyWaitsForItAnyMore() throws Exception {
    Duration within = Duration.ofSeconds(50);
    delay = Duration.ofSeconds(2);
    var _ = threads.submit(() -> new Sandbox(connection, user).release(within));
    ProducerRecord<byte[], byte[]> record = published.poll(60, TimeUnit.SECONDS);
    Release release =
        (Release)
            new EventCodec()
                .decode(
                    Topic.RELEASE,
                    record.key(),
                    record.value(),
                    new Origin(record.topic(), 0, 0, Samples.NOW));
    assertThat(release.expiresAt()).isBefore(asked.get().plus(within).plusSeconds(1));
  }

  @Test
  void theEndOfTheClientEndsTheWait() throws Exception {
    Future<Optional<Reaped>> end = release(Duration.ofSeconds(50));
    connection.close();
    assertThatThrownBy(() -> end.get(30, TimeUnit.SECONDS))
        .isInstanceOf(ExecutionException.class)
        .hasCauseInstanceOf(ClientClosedException.class);
  }
}
