/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Topic;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads the command table within bounds: what no worker writes is ignored. */
public final class CommandTableReader {
  private static final Logger log = LoggerFactory.getLogger(CommandTableReader.class);

  /** A worker's entry has some 400 bytes, and an id may have 256 characters. */
  private static final int MAX_ENTRY_BYTES = 4096;

  /** Of an entry in memory, besides its texts. */
  private static final int OVERHEAD = 600;

  /** Room for tens of thousands of entries. */
  private static final long MAX_BYTES = 32L << 20;

  private final LogReader reader;
  private final String topic;
  private final KeyPartitions partitions;
  private final EventCodec codec = new EventCodec();

  /** A table that is read anew in each call. */
  public CommandTableReader(LogReader reader, String topicPrefix, KeyPartitions partitions) {
    this.reader = reader;
    this.topic = Topic.COMMANDS.named(topicPrefix);
    this.partitions = partitions;
  }

  /**
   * Reads the entries of some partitions, by partition; one that has none is not among them.
   *
   * @throws org.apache.kafka.common.KafkaException if Kafka is not reached
   */
  public Map<Integer, List<CommandEntry>> read(Collection<Integer> of) {
    Map<String, CommandEntry> entries = new LinkedHashMap<>();
    var held =
        new Object() {
          long bytes;
          long ignored;
        };
    reader.read(
        topic,
        of,
        Instant.EPOCH,
        record -> {
          String key = record.key() == null ? null : key(record.key());
          CommandEntry entry = entry(record);
          if (key == null || (entry == null && record.value() != null)) {
            held.ignored++;
            return;
          }
          CommandEntry before = entries.remove(key);
          held.bytes -= before == null ? 0 : size(before);
          if (entry != null && held.bytes + size(entry) > MAX_BYTES) {
            held.ignored++;
          } else if (entry != null) {
            entries.put(key, entry);
            held.bytes += size(entry);
          }
        });
    if (held.ignored > 0) {
      log.warn("ignored {} records of {}: no worker writes such, or so many", held.ignored, topic);
    }
    Map<Integer, List<CommandEntry>> byPartition = new HashMap<>();
    for (CommandEntry entry : entries.values()) {
      byPartition.computeIfAbsent(partitions.of(entry.userId()), _ -> new ArrayList<>()).add(entry);
    }
    return byPartition;
  }

  private static String key(byte[] key) {
    return new String(key, StandardCharsets.UTF_8);
  }

  private static long size(CommandEntry entry) {
    return OVERHEAD + 4L * entry.execId().length();
  }

  /** An entry that agrees with its key and lies in its user's partition. */
  private @Nullable CommandEntry entry(ConsumerRecord<byte[], byte[]> record) {
    if (record.value() == null || record.value().length > MAX_ENTRY_BYTES) {
      return null;
    }
    try {
      CommandEntry entry = codec.decodeCommand(record.value());
      return Arrays.equals(record.key(), codec.commandKey(entry.userId(), entry.execId()))
              && partitions.of(entry.userId()) == record.partition()
          ? entry
          : null;
    } catch (EventFormatException _) {
      return null;
    }
  }
}
