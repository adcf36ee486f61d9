/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.kafka.BoundedTable;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.kafka.LogReader;
import io.zcbot.sandbox.worker.kafka.TableKey;
import io.zcbot.sandbox.worker.sandbox.Announcements;
import io.zcbot.sandbox.worker.sandbox.SandboxLog;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads what the topics say about sandboxes, and keeps only what was asked for, within bounds.
 * Thread-safe.
 */
public final class KafkaSandboxLog implements SandboxLog {
  private static final Logger log = LoggerFactory.getLogger(KafkaSandboxLog.class);

  /** Room for about ten thousand entries. */
  public static final long MAX_BYTES = 8L << 20;

  /** The clocks of hosts and brokers may differ by this. */
  private static final Duration CLOCKS = Duration.ofMinutes(10);

  private final LogReader reader;
  private final String topicPrefix;
  private final KeyPartitions partitions;
  private final long mostBytes;
  private final EventCodec codec = new EventCodec();

  /**
   * Creates a log, which is read anew in each call.
   *
   * @param mostBytes the most memory for entries of other containers
   */
  public KafkaSandboxLog(
      LogReader reader, String topicPrefix, KeyPartitions partitions, long mostBytes) {
    this.reader = reader;
    this.topicPrefix = topicPrefix;
    this.partitions = partitions;
    this.mostBytes = mostBytes;
  }

  @Override
  public int partitions() {
    return partitions.count();
  }

  @Override
  public int partitionOf(UserId user) {
    return partitions.of(user);
  }

  @Override
  public Entries live(Set<Integer> of, Map<String, UserId> running, boolean others) {
    Predicate<LiveSandbox> isHere =
        entry -> entry.userId().equals(running.get(entry.containerId()));
    BoundedTable<LiveSandbox> table =
        new BoundedTable<>(new EntryForm(codec, isHere), partitions, others ? mostBytes : 0);
    String topic = Topic.LIVE.named(topicPrefix);
    reader.read(topic, of, Instant.EPOCH, record -> table.add(record));
    if (table.ignored() > 0) {
      log.warn("ignored {} records of {} that no worker writes", table.ignored(), topic);
    }
    Map<String, LiveSandbox> here = new HashMap<>();
    List<LiveSandbox> elsewhere = new ArrayList<>();
    for (LiveSandbox entry : table.entries()) {
      if (isHere.test(entry)) {
        here.put(entry.containerId(), entry);
      } else {
        elsewhere.add(entry);
      }
    }
    return new Entries(here, elsewhere, !others || table.dropped() == 0);
  }

  /** The live table's form; what runs here has no bound, since the registry bounds it. */
  private record EntryForm(EventCodec codec, Predicate<LiveSandbox> isHere)
      implements BoundedTable.Form<LiveSandbox> {
    /** The memory of an entry besides its texts, in bytes. */
    private static final int OVERHEAD = 400;

    /** A worker's entry has about 300 bytes. */
    @Override
    public int maxBytes() {
      return 2048;
    }

    @Override
    public LiveSandbox decode(byte[] value) throws EventFormatException {
      return codec.decodeLive(value);
    }

    @Override
    public boolean agrees(LiveSandbox entry, TableKey key, int partition) {
      return entry.userId().equals(key.user()) && entry.containerId().equals(key.id());
    }

    @Override
    public long size(LiveSandbox entry) {
      return isHere.test(entry)
          ? 0
          : OVERHEAD
              + 4L * entry.containerId().length() // the key has it once more
              + 2L * (entry.host().length() + entry.workerId().length());
    }
  }

  @Override
  public Announcements announced(Set<Integer> of, Map<String, UserId> containers, Instant since) {
    Announcements announced = new Announcements(containers);
    Instant from = since.minus(CLOCKS);
    String ready = Topic.READY.named(topicPrefix);
    reader.read(
        ready,
        of,
        from,
        record -> {
          if (decode(Topic.READY, record, announced) instanceof Ready event) {
            announced.add(event);
          }
        });
    reader.read(
        Topic.REAPED.named(topicPrefix),
        of,
        from,
        record -> {
          if (decode(Topic.REAPED, record, announced) instanceof Reaped event) {
            announced.add(event);
          }
        });
    Map<Integer, Instant> beginnings = reader.cut(ready, of);
    for (UserId user : Set.copyOf(containers.values())) {
      Instant beginning = beginnings.get(partitions.of(user));
      if (beginning != null) {
        announced.forgotten(user, beginning);
      }
    }
    return announced;
  }

  private @Nullable Object decode(
      Topic topic, ConsumerRecord<byte[], byte[]> record, Announcements wanted) {
    try {
      // Skip values of users who are not of interest.
      if (record.key() == null
          || !wanted.concern(UserId.parse(new String(record.key(), StandardCharsets.ISO_8859_1)))) {
        return null;
      }
      return codec.decode(
          topic,
          record.key(),
          record.value(),
          new Origin(
              record.topic(),
              record.partition(),
              record.offset(),
              Instant.ofEpochMilli(record.timestamp())));
    } catch (EventFormatException | IllegalArgumentException _) {
      return null; // no worker wrote that
    }
  }
}
