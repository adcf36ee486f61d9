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
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads the command table within bounds. */
public final class CommandTableReader {
  private static final Logger log = LoggerFactory.getLogger(CommandTableReader.class);

  /** Room for 40,000 entries of workers. */
  private static final long MAX_BYTES = 32L << 20;

  /** As many as a worker remembers of its own. */
  static final int MAX_ENDED = 20_000;

  private final LogReader reader;
  private final String table;
  private final String execs;
  private final KeyPartitions partitions;
  private final long mostBytes;

  /** Creates a reader, which reads the table anew in each call. */
  public CommandTableReader(LogReader reader, String topicPrefix, KeyPartitions partitions) {
    this(reader, topicPrefix, partitions, MAX_BYTES);
  }

  /**
   * Creates a reader with another bound.
   *
   * @param mostBytes the most memory for entries
   */
  public CommandTableReader(
      LogReader reader, String topicPrefix, KeyPartitions partitions, long mostBytes) {
    this.reader = reader;
    this.table = Topic.COMMANDS.named(topicPrefix);
    this.execs = Topic.EXEC.named(topicPrefix);
    this.partitions = partitions;
    this.mostBytes = mostBytes;
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
   * @throws org.apache.kafka.common.KafkaException if Kafka is not reached
   */
  public Map<Integer, Part> read(Collection<Integer> of) {
    Map<Integer, List<CommandEntry>> byPartition = new HashMap<>();
    for (CommandEntry entry : entries(of)) {
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

  /**
   * Reads the entries of some partitions. Blocks.
   *
   * <p>An entry that follows an answer to the same exec, or the removal of that exec's entry,
   * counts as answered: it is from a former owner, who was suspended while it wrote.
   *
   * @throws org.apache.kafka.common.KafkaException if Kafka is not reached
   */
  public Collection<CommandEntry> entries(Collection<Integer> of) {
    BoundedTable<CommandEntry> entries = new BoundedTable<>(new EntryForm(), partitions, mostBytes);
    Set<Ended> ended = Recent.set(MAX_ENDED);
    reader.read(table, of, Instant.EPOCH, record -> add(entries.add(record), ended, entries));
    if (entries.ignored() + entries.dropped() > 0) {
      log.warn(
          "ignored {} records of {}: no worker writes such, or so many",
          entries.ignored() + entries.dropped(),
          table);
    }
    return entries.entries();
  }

  private static void add(
      BoundedTable.@Nullable Change<CommandEntry> change,
      Set<Ended> ended,
      BoundedTable<CommandEntry> entries) {
    if (change == null) {
      return;
    }
    CommandEntry now = change.now();
    if (now == null) {
      if (change.before() != null) {
        ended.add(Ended.of(change.before()));
      }
    } else if (now.answered()) {
      ended.add(Ended.of(now));
    } else if (ended.contains(Ended.of(now))) {
      entries.replace(change.key(), now.asAnswered());
    }
  }

  /** An exec that was answered. */
  private record Ended(UserId user, int hashOfId, long offset) {
    static Ended of(CommandEntry entry) {
      return new Ended(entry.userId(), entry.execId().hashCode(), entry.offset());
    }
  }

  /** The command table's form. */
  private record EntryForm() implements BoundedTable.Form<CommandEntry> {
    private static final EventCodec CODEC = new EventCodec();

    /** The memory of an entry besides its texts, in bytes. */
    private static final int OVERHEAD = 400;

    /** A worker's entry has about 400 bytes; the longest id of an exec has about 1000. */
    @Override
    public int maxBytes() {
      return 4096;
    }

    @Override
    public CommandEntry decode(byte[] value) throws EventFormatException {
      return CODEC.decodeCommand(value);
    }

    @Override
    public boolean agrees(CommandEntry entry, TableKey key, int partition) {
      return entry.userId().equals(key.user())
          && entry.execId().equals(key.id())
          && entry.partition() == partition;
    }

    @Override
    public long size(CommandEntry entry) {
      ContainerRef container = entry.container();
      int texts =
          2 * entry.execId().length() // the key has it once more
              + container.name().length()
              + container.id().length()
              + container.host().length()
              + container.workerId().length();
      return OVERHEAD + 2L * texts;
    }
  }
}
