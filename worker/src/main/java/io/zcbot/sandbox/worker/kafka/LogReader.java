/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.LiveSandbox;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads a topic once, up to its end at the time of the call. */
public final class LogReader {
  private static final Logger log = LoggerFactory.getLogger(LogReader.class);

  private static final Duration CALL_TIMEOUT = Duration.ofSeconds(10);
  private static final Duration STALLED = Duration.ofSeconds(30);

  private final Supplier<Consumer<byte[], byte[]>> consumers;
  private final EventCodec codec = new EventCodec();

  /** A reader with consumers that are in no group and commit nothing. */
  public LogReader(Supplier<Consumer<byte[], byte[]>> consumers) {
    this.consumers = consumers;
  }

  /**
   * The live table's entries of some partitions, by container.
   *
   * @throws org.apache.kafka.common.KafkaException if Kafka is not reached
   */
  public Map<String, LiveSandbox> live(String topic, Collection<Integer> partitions) {
    Map<String, LiveSandbox> live = new HashMap<>();
    read(
        topic,
        partitions,
        Instant.EPOCH,
        record -> {
          String key = record.key() == null ? "" : new String(record.key(), StandardCharsets.UTF_8);
          String containerId = key.substring(key.indexOf('/') + 1);
          if (record.value() == null) {
            live.remove(containerId);
            return;
          }
          try {
            live.put(containerId, codec.decodeLive(record.value()));
          } catch (EventFormatException e) {
            log.warn(
                "{}-{}-{} is not a valid entry of the live table and is ignored: {}",
                record.topic(),
                record.partition(),
                record.offset(),
                e.getMessage());
          }
        });
    return live;
  }

  /**
   * Hands over every record from a time on.
   *
   * @throws org.apache.kafka.common.KafkaException if Kafka is not reached
   */
  public void read(
      String topic,
      Collection<Integer> partitions,
      Instant from,
      java.util.function.Consumer<ConsumerRecord<byte[], byte[]>> each) {
    List<TopicPartition> all =
        partitions.stream().map(number -> new TopicPartition(topic, number)).toList();
    try (Consumer<byte[], byte[]> consumer = consumers.get()) {
      LogRange range =
          from.equals(Instant.EPOCH)
              ? LogRange.all(consumer, all, CALL_TIMEOUT)
              : LogRange.since(consumer, all, from, CALL_TIMEOUT);
      consumer.assign(all);
      range.starts().forEach(consumer::seek);
      long progressed = System.nanoTime();
      while (range.ends().entrySet().stream()
          .anyMatch(end -> consumer.position(end.getKey(), CALL_TIMEOUT) < end.getValue())) {
        var records = consumer.poll(Duration.ofMillis(100));
        records.forEach(each);
        if (!records.isEmpty() || !records.nextOffsets().isEmpty()) {
          progressed = System.nanoTime();
        } else if (System.nanoTime() - progressed > STALLED.toNanos()) {
          throw new TimeoutException("no progress in reading " + topic + " for " + STALLED);
        }
      }
    }
  }
}
