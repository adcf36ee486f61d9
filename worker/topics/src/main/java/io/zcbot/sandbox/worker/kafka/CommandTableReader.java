/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Recent;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the command table within bounds. The table is untrusted: anybody with permission may have
 * written to it. Records that do not agree with their key, that are in another partition, or that
 * are larger than those of workers are ignored.
 */
public final class CommandTableReader {
  private static final Logger log = LoggerFactory.getLogger(CommandTableReader.class);

  /** A worker's entry has about 400 bytes; the longest id of an exec has about 1000. */
  private static final int MAX_ENTRY_BYTES = 4096;

  /** The memory of an entry besides its texts, in bytes. */
  private static final int OVERHEAD = 400;

  /** Room for 40,000 entries of workers. */
  private static final long MAX_BYTES = 32L << 20;

  /** As many as a worker remembers of its own. */
  static final int MAX_ENDED = 20_000;

  private final LogReader reader;
  private final String table;
  private final String execs;
  private final KeyPartitions partitions;
  private final EventCodec codec = new EventCodec();

  /** Creates a reader, which reads the table anew in each call. */
  public CommandTableReader(LogReader reader, String topicPrefix, KeyPartitions partitions) {
    this.reader = reader;
    this.table = Topic.COMMANDS.named(topicPrefix);
    this.execs = Topic.EXEC.named(topicPrefix);
    this.partitions = partitions;
  }

  /**
   * The entries of one partition.
   *
   * @param execEnd the offset behind the partition's execs, read after the table: an entry with
   *     this offset or a later one belongs to no existing exec
   */
  public record Part(List<CommandEntry> entries, long execEnd) {
    /** A partition without entries. */
    public static final Part NONE = new Part(List.of(), 0);
  }

  /**
   * Reads the entries of some partitions, by partition; partitions without entries are left out.
   * Blocks.
   *
   * <p>An entry that follows an answer to the same exec, or the removal of that exec's entry,
   * counts as answered: it is from a former owner, who was suspended while it wrote.
   *
   * @throws org.apache.kafka.common.KafkaException if Kafka is not reached
   */
  public Map<Integer, Part> read(Collection<Integer> of) {
    Contents contents = new Contents();
    reader.read(table, of, Instant.EPOCH, contents::add);
    if (contents.ignored > 0) {
      log.warn(
          "ignored {} records of {}: no worker writes such, or so many", contents.ignored, table);
    }
    Map<Integer, List<CommandEntry>> byPartition = new HashMap<>();
    for (CommandEntry entry : contents.entries.values()) {
      byPartition.computeIfAbsent(entry.partition(), _ -> new ArrayList<>()).add(entry);
    }
    Map<Integer, Part> parts = new HashMap<>();
    reader
        .ends(execs, byPartition.keySet())
        .forEach(
            (number, end) ->
                parts.put(number, new Part(byPartition.getOrDefault(number, List.of()), end)));
    return parts;
  }

  /** What was read so far. */
  private final class Contents {
    final Map<TableKey, CommandEntry> entries = new LinkedHashMap<>();
    final Set<Ended> ended = Recent.set(MAX_ENDED);
    long bytes;
    long ignored;

    void add(ConsumerRecord<byte[], byte[]> record) {
      TableKey key = TableKey.of(record, partitions, MAX_ENTRY_BYTES);
      CommandEntry entry = key == null ? null : entryOf(record, key);
      if (key == null || (entry == null && record.value() != null)) {
        ignored++;
        return;
      }
      CommandEntry before = entries.remove(key);
      bytes -= before == null ? 0 : size(before);
      if (entry == null) {
        removed(before);
      } else if (bytes + size(entry) > MAX_BYTES) {
        ignored++;
      } else {
        keep(key, entry);
      }
    }

    private void removed(@Nullable CommandEntry before) {
      if (before != null) {
        ended.add(Ended.of(before));
      }
    }

    private void keep(TableKey key, CommandEntry entry) {
      if (entry.answered()) {
        ended.add(Ended.of(entry));
      }
      entries.put(key, ended.contains(Ended.of(entry)) ? entry.asAnswered() : entry);
      bytes += size(entry);
    }
  }

  /** An exec that was answered. */
  private record Ended(UserId user, int hashOfId, long offset) {
    static Ended of(CommandEntry entry) {
      return new Ended(entry.userId(), entry.execId().hashCode(), entry.offset());
    }
  }

  private static long size(CommandEntry entry) {
    ContainerRef container = entry.container();
    int texts =
        2 * entry.execId().length() // the key has it once more
            + container.name().length()
            + container.id().length()
            + container.host().length()
            + container.workerId().length();
    return OVERHEAD + 2L * texts;
  }

  private @Nullable CommandEntry entryOf(ConsumerRecord<byte[], byte[]> record, TableKey key) {
    if (record.value() == null || record.value().length > MAX_ENTRY_BYTES) {
      return null;
    }
    try {
      CommandEntry entry = codec.decodeCommand(record.value());
      return entry.userId().equals(key.user())
              && entry.execId().equals(key.id())
              && entry.partition() == record.partition()
          ? entry
          : null;
    } catch (EventFormatException _) {
      return null;
    }
  }
}
