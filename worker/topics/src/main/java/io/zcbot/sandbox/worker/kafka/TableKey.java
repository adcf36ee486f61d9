/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import io.zcbot.sandbox.events.UserId;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jspecify.annotations.Nullable;

/**
 * The key of an entry in one of the workers' tables.
 *
 * @param id of the user's container or command
 */
public record TableKey(UserId user, String id) {
  /**
   * Reads a key; null if a worker would not have written it, or not in this partition.
   *
   * @param mostBytes a longer key is not from a worker
   */
  public static @Nullable TableKey of(
      ConsumerRecord<byte[], byte[]> record, KeyPartitions partitions, int mostBytes) {
    if (record.key() == null || record.key().length > mostBytes) {
      return null;
    }
    String text = new String(record.key(), StandardCharsets.UTF_8);
    int slash = text.indexOf('/');
    try {
      UserId user = UserId.parse(text.substring(0, Math.max(slash, 0)));
      return partitions.of(user) == record.partition()
          ? new TableKey(user, text.substring(slash + 1))
          : null;
    } catch (IllegalArgumentException _) {
      return null;
    }
  }
}
