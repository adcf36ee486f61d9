/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/** Reads from the topics when users' sandboxes were last used. */
final class LastUses {
  private static final Duration LIMIT = Duration.ofSeconds(5);
  private static final Duration POLL = Duration.ofMillis(200);

  private LastUses() {}

  /** Reads the window up to now, or as far as the time limit allows. */
  static Map<UserId, Instant> since(KafkaLog log, Instant instant) throws CommandException {
    return read(log, instant, all -> all);
  }

  /** The same for one user; null if the window has no use. */
  static @Nullable Instant of(KafkaLog log, UserId user, Instant since) throws CommandException {
    return read(log, since, all -> UserPartitions.of(user, all)).get(user);
  }

  private static Map<UserId, Instant> read(
      KafkaLog log, Instant since, UnaryOperator<Collection<TopicPartition>> wanted)
      throws CommandException {
    try (Consumer<byte[], byte[]> records = log.since(since, Topic.READY, Topic.ACTIVITY)) {
      Map<UserId, Instant> last = new HashMap<>();
      Collection<TopicPartition> all = records.assignment();
      Collection<TopicPartition> partitions = wanted.apply(all);
      records.pause(all.stream().filter(p -> !partitions.contains(p)).toList());
      Map<TopicPartition, Long> ends = records.endOffsets(partitions);
      long deadline = System.nanoTime() + LIMIT.toNanos();
      while (partitions.stream().anyMatch(p -> records.position(p) < ends.getOrDefault(p, 0L))
          && System.nanoTime() - deadline < 0) {
        for (ConsumerRecord<byte[], byte[]> record : records.poll(POLL)) {
          SandboxEvent event = Records.event(record, log.config().topicPrefix()).event();
          if (event != null) {
            last.merge(
                event.userId(),
                Instant.ofEpochMilli(record.timestamp()),
                (a, b) -> a.isAfter(b) ? a : b);
          }
        }
      }
      return last;
    } catch (KafkaException e) {
      throw log.failed("read the last uses of sandboxes", e);
    }
  }
}
