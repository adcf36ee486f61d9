/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.utils.Utils;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks a user up in {@link Topic#CURRENT}, the compacted table of the users who have a sandbox. It
 * reads one partition of it from the beginning, so it is only for what is rarely asked.
 */
final class CurrentTable {
  private static final Logger log = LoggerFactory.getLogger(CurrentTable.class);

  private static final Duration CALL = Duration.ofSeconds(2);
  private static final Duration POLL = Duration.ofMillis(500);

  private final Supplier<Consumer<byte[], byte[]>> consumers;
  private final String topic;

  /**
   * @param consumers makes a consumer that commits nothing and begins where it is told to
   */
  CurrentTable(Supplier<Consumer<byte[], byte[]>> consumers, String prefix) {
    this.consumers = consumers;
    this.topic = Topic.CURRENT.named(prefix);
  }

  /**
   * Whether the table says that a user has no sandbox. It is false as well if that can't be found
   * out by the deadline, before {@code isOver}, or because brokers refuse.
   */
  boolean hasNone(UserId user, Deadline deadline, BooleanSupplier isOver)
      throws InterruptedException {
    try (Consumer<byte[], byte[]> consumer = consumers.get()) {
      List<PartitionInfo> partitions = consumer.partitionsFor(topic, deadline.atMost(CALL).left());
      if (partitions == null || partitions.isEmpty()) {
        return false;
      }
      byte[] key = user.toString().getBytes(StandardCharsets.US_ASCII);
      TopicPartition partition =
          new TopicPartition(topic, Utils.toPositive(Utils.murmur2(key)) % partitions.size());
      consumer.assign(Set.of(partition));
      consumer.seekToBeginning(Set.of(partition));
      long end =
          Objects.requireNonNull(
              consumer.endOffsets(Set.of(partition), deadline.atMost(CALL).left()).get(partition));
      boolean isThere = false;
      while (consumer.position(partition, deadline.atMost(CALL).left()) < end) {
        if (deadline.isOver() || isOver.getAsBoolean()) {
          return false;
        }
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(deadline.atMost(POLL).left())) {
          if (Arrays.equals(key, record.key())) {
            isThere = record.value() != null;
          }
        }
      }
      return !isThere;
    } catch (InterruptException e) {
      Thread.interrupted();
      throw new InterruptedException();
    } catch (KafkaException e) {
      log.debug("{} can't be read", topic, e);
      return false;
    }
  }
}
