/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The real client library on a log that a test plays, instead of on brokers. */
public final class PlayedLog implements AutoCloseable {
  private final EventCodec codec = new EventCodec();
  private final Connection connection;

  /** A test's part. */
  public interface Player {
    /** Takes what the client publishes; an exception refuses it. */
    void publish(SandboxEvent event) throws Exception;

    /** Returns the next answers; waits for some, for so long at most. */
    List<SandboxEvent> poll(Duration atMost) throws Exception;
  }

  /** Connects a client to the log. */
  public PlayedLog(Player player) {
    Reach reach = new Reach(List.of("127.0.0.1:1"));
    reach.reached();
    connection =
        new Connection(
            () -> new Writer(player),
            new Reader(player),
            reach,
            () -> {
              throw new AssertionError("a table is read");
            },
            ClientOptions.defaults().withRequestedBy("cli").withoutRepeats());
  }

  public Sandbox sandbox(UserId user) {
    return new Sandbox(connection, user);
  }

  @Override
  public void close() {
    connection.close();
  }

  private final class Writer extends MockProducer<byte[], byte[]> {
    private final Player player;

    Writer(Player player) {
      super(true, null, new ByteArraySerializer(), new ByteArraySerializer());
      this.player = player;
    }

    @Override
    public Future<RecordMetadata> send(ProducerRecord<byte[], byte[]> record, Callback callback) {
      Topic topic = record.topic().equals("sandbox.exec") ? Topic.EXEC : Topic.INPUT;
      Origin origin = new Origin(record.topic(), 0, 0, Instant.now());
      try {
        player.publish(codec.decode(topic, record.key(), record.value(), origin));
        return super.send(record, callback);
      } catch (Exception e) {
        return CompletableFuture.failedFuture(new KafkaException(e.getMessage(), e));
      }
    }
  }

  private final class Reader extends MockConsumer<byte[], byte[]> {
    private static final Duration SHORT = Duration.ofMillis(20);

    private final Player player;
    private long offset;

    Reader(Player player) {
      super("none");
      this.player = player;
      for (Topic topic : List.of(Topic.EXITED, Topic.OUTPUT)) {
        String name = topic.named("sandbox.");
        updateEndOffsets(Map.of(new TopicPartition(name, 0), 0L));
        updatePartitions(name, List.of(new PartitionInfo(name, 0, null, null, null)));
      }
    }

    @Override
    public ConsumerRecords<byte[], byte[]> poll(Duration atMost) {
      try {
        for (SandboxEvent event : player.poll(atMost.compareTo(SHORT) < 0 ? atMost : SHORT)) {
          TopicPartition to = new TopicPartition(event.topic().named("sandbox."), 0);
          if (assignment().contains(to)) { // otherwise nobody waits for it any more
            addRecord(
                new ConsumerRecord<>(
                    to.topic(), 0, offset++, codec.key(event), codec.encode(event)));
          }
        }
      } catch (Exception e) {
        throw new AssertionError(e);
      }
      return super.poll(Duration.ZERO);
    }
  }
}
