/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InterruptException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks a user up in {@link Topic#CURRENT}, the compacted table of the users who have a sandbox. It
 * reads one partition of it from the beginning, so it is only for what is rarely asked.
 */
final class CurrentTable {
  private static final Logger log = LoggerFactory.getLogger(CurrentTable.class);

  private final Supplier<Consumer<byte[], byte[]>> consumers;
  private final String topic;

  /**
   * @param consumers makes a consumer that commits nothing and begins where it is assigned
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
    try (LogLookup lookup = new LogLookup(consumers.get(), deadline, isOver)) {
      TopicPartition partition = lookup.partition(topic, user);
      byte[] key = user.toString().getBytes(StandardCharsets.US_ASCII);
      AtomicBoolean isThere = new AtomicBoolean();
      lookup.read(
          partition,
          0,
          lookup.end(partition),
          record -> {
            if (Arrays.equals(key, record.key())) {
              isThere.set(record.value() != null);
            }
            return true;
          });
      return !isThere.get();
    } catch (InterruptException e) {
      Thread.interrupted();
      throw new InterruptedException();
    } catch (KafkaException e) {
      log.debug("{} can't be read", topic, e);
      return false;
    }
  }
}
