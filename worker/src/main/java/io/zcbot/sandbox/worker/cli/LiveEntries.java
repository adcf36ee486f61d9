/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.kafka.LogReader;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;

/** Reads the sandboxes of all hosts from the live table. */
final class LiveEntries {
  private LiveEntries() {}

  /** All entries, by container. */
  static Map<String, LiveSandbox> read(KafkaLog log) throws CommandException {
    Consumer<byte[], byte[]> records = log.fromBeginning(Topic.LIVE);
    List<Integer> partitions =
        records.assignment().stream().map(TopicPartition::partition).toList();
    try {
      return new LogReader(() -> records) // closes it
          .live(Topic.LIVE.named(log.config().topicPrefix()), partitions);
    } catch (KafkaException e) {
      throw log.failed("read the live table", e);
    }
  }
}
