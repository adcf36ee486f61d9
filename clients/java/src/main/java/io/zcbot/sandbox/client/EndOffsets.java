/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RetriableException;
import org.jspecify.annotations.Nullable;

/** Tells where partitions end at the time of a call. Safe for concurrent use. */
interface EndOffsets extends AutoCloseable {
  /**
   * Returns the offsets behind the last records of partitions; null if brokers do not tell all of
   * them by the deadline.
   *
   * @throws KafkaException if they refuse
   */
  @Nullable Map<TopicPartition, Long> of(Collection<TopicPartition> partitions, Deadline deadline)
      throws InterruptedException;

  @Override
  void close();

  /** Asks brokers, through a connection of its own, so that no fetch delays the answers. */
  static EndOffsets of(Admin admin) {
    return new EndOffsets() {
      @Override
      public @Nullable Map<TopicPartition, Long> of(
          Collection<TopicPartition> partitions, Deadline deadline) throws InterruptedException {
        Map<TopicPartition, OffsetSpec> wanted = new HashMap<>();
        partitions.forEach(partition -> wanted.put(partition, OffsetSpec.latest()));
        int millis = (int) Math.min(Integer.MAX_VALUE, deadline.left().toMillis() + 1);
        ListOffsetsOptions options = new ListOffsetsOptions().timeoutMs(millis);
        try {
          Map<TopicPartition, Long> ends = new HashMap<>();
          admin
              .listOffsets(wanted, options)
              .all()
              .get(deadline.nanosLeft(), TimeUnit.NANOSECONDS)
              .forEach((partition, end) -> ends.put(partition, end.offset()));
          return ends;
        } catch (TimeoutException e) {
          return null;
        } catch (ExecutionException e) {
          if (e.getCause() instanceof RetriableException) {
            return null;
          }
          throw new KafkaException(e.getCause());
        }
      }

      @Override
      public void close() {
        admin.close(Duration.ZERO);
      }
    };
  }
}
