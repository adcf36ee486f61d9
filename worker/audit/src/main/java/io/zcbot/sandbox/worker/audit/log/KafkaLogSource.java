/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.log;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.kafka.LogRange;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * The topics, from a consumer's position up to the end offsets at the start. Joins no group and
 * commits nothing (I10). Keeps a bounded number of records and of bytes in memory, and what one
 * poll brings beyond them: a partition that is ahead of the others is paused.
 */
public final class KafkaLogSource implements LogSource {
  private static final Duration POLL = Duration.ofMillis(500);
  private static final Duration CALL_TIMEOUT = Duration.ofSeconds(10);
  private static final Duration QUIET = Duration.ofSeconds(5);
  private static final Duration STALLED = Duration.ofSeconds(60);
  private static final int HELD = 200_000;
  private static final int LEAST_HELD = 500;

  /** Most records have a few hundred bytes, and an output or the end of a command up to 512 KiB. */
  static final long HELD_BYTES = 32L << 20;

  /** Records dated this much later than the wanted end are not waited for. */
  private static final Duration LATE = Duration.ofHours(1);

  private final Consumer<byte[], byte[]> consumer;
  private final String topicPrefix;
  private final Selection.Test selection;
  private final Duration quiet;
  private final Instant end;
  private final Map<Topic, Instant> kept;
  private final Coverage coverage;
  private boolean isBeginningKnown;
  private final Map<TopicPartition, Long> ends;
  private final Map<TopicPartition, PartitionStream> streams = new HashMap<>();
  private final PriorityQueue<PartitionStream> ready =
      new PriorityQueue<>(
          Comparator.<PartitionStream>comparingLong(s -> s.head().timestamp())
              .thenComparing(s -> s.topic)
              .thenComparingInt(s -> s.partition.partition()));
  private final int held;
  private final long heldBytes;
  private final long total;
  private int starved;

  /**
   * Notes the end offsets.
   *
   * @param consumer assigned and positioned, without a group; closed with this. Without a policy of
   *     resets, or what brokers delete meanwhile would be skipped
   * @param kept since when a topic has lost no record, as far as it is known
   * @param now by the brokers' clocks, up to when the log is known
   */
  public KafkaLogSource(
      Consumer<byte[], byte[]> consumer,
      String topicPrefix,
      Selection selection,
      Map<Topic, Instant> kept,
      Instant now) {
    this(consumer, topicPrefix, selection, kept, now, QUIET);
  }

  KafkaLogSource(
      Consumer<byte[], byte[]> consumer,
      String topicPrefix,
      Selection selection,
      Map<Topic, Instant> kept,
      Instant now,
      Duration quiet) {
    this.quiet = quiet;
    this.consumer = consumer;
    this.topicPrefix = topicPrefix;
    this.selection = selection.test();
    this.kept = kept;
    Map<TopicPartition, Long> firsts =
        consumer.beginningOffsets(consumer.assignment(), CALL_TIMEOUT);
    this.ends = ends(consumer, selection.to());
    this.end = selection.end(now);
    this.coverage = new Coverage(selection.from());
    long all = 0;
    for (TopicPartition partition : consumer.assignment()) {
      Topic topic = LogRecord.topic(partition.topic(), topicPrefix);
      if (topic == null) {
        throw new IllegalArgumentException("not one of the topics: " + partition.topic());
      }
      PartitionStream stream =
          new PartitionStream(
              topic, partition, consumer.position(partition), ends.getOrDefault(partition, 0L));
      stream.isCut = stream.begin > 0 && stream.begin <= firsts.getOrDefault(partition, 0L);
      all += Math.max(0, stream.end - stream.position);
      if (stream.isRead()) {
        noteAllCut(stream);
      } else {
        streams.put(partition, stream);
      }
    }
    this.total = all;
    this.starved = streams.size();
    this.held = Math.max(LEAST_HELD, HELD / Math.max(1, streams.size()));
    this.heldBytes = HELD_BYTES / Math.max(1, streams.size());
    consumer.assign(List.copyOf(streams.keySet()));
    streams.values().forEach(stream -> consumer.seek(stream.partition, stream.position));
  }

  /**
   * Positions the consumer where this source ends, in all partitions, so that it can follow the log
   * from there. To be called after the last record; the consumer is not this source's any more.
   */
  public void followOn() {
    consumer.assign(List.copyOf(ends.keySet()));
    ends.forEach(consumer::seek);
    consumer.resume(ends.keySet());
  }

  /** Leaves out what can't be wanted: the broker tells where later records begin. */
  private static Map<TopicPartition, Long> ends(
      Consumer<byte[], byte[]> consumer, @Nullable Instant to) {
    Set<TopicPartition> all = consumer.assignment();
    return to == null
        ? consumer.endOffsets(all, CALL_TIMEOUT)
        : LogRange.since(consumer, all, to.plus(LATE), CALL_TIMEOUT).starts();
  }

  @Override
  public @Nullable LogRecord next() {
    if (starved > 0) {
      fill();
    }
    PartitionStream first = ready.poll();
    if (first == null) {
      return null;
    }
    ConsumerRecord<byte[], byte[]> record = first.remove();
    if (!first.isEmpty()) {
      ready.add(first);
    } else if (!first.isRead()) {
      starved++;
    }
    return new LogRecord(first.topic, record);
  }

  /** Polls until the next record of each partition is known. */
  private void fill() {
    long quietSince = System.nanoTime();
    long checked = quietSince;
    while (starved > 0) {
      regulate();
      ConsumerRecords<byte[], byte[]> batch = consumer.poll(POLL);
      boolean moved = !batch.isEmpty();
      for (TopicPartition partition : batch.partitions()) {
        PartitionStream stream = streams.get(partition);
        if (stream != null) {
          add(stream, batch.records(partition));
        }
      }
      moved |= notePositions();
      long now = System.nanoTime();
      if (moved) {
        quietSince = now;
      } else if (now - quietSince > STALLED.toNanos()) {
        throw new TimeoutException(
            "no record came for " + STALLED.toSeconds() + " s, although the topics have more");
      } else if (now - Math.max(checked, quietSince) > quiet.toNanos()) {
        // A poll says nothing of brokers that are away; this does.
        var _ = consumer.endOffsets(consumer.assignment(), CALL_TIMEOUT);
        checked = now;
      }
    }
  }

  private void add(PartitionStream stream, List<ConsumerRecord<byte[], byte[]>> records) {
    boolean wasEmpty = stream.isEmpty();
    noteCut(stream, records.getFirst().timestamp());
    for (ConsumerRecord<byte[], byte[]> record : records) {
      if (record.offset() < stream.end && selection.includes(record)) {
        stream.add(record);
      }
    }
    if (wasEmpty && !stream.isEmpty()) {
      starved--;
      ready.add(stream);
    }
  }

  private void noteAllCut(PartitionStream stream) {
    noteCut(stream, end.toEpochMilli());
  }

  /** What a partition has lost is older than its first record, and than what its topic keeps. */
  private void noteCut(PartitionStream stream, long first) {
    if (stream.isCut) {
      stream.isCut = false;
      Instant since = kept.get(stream.topic);
      long known = since == null ? first : Math.min(first, since.toEpochMilli());
      coverage.cut(stream.topic, stream.partition.partition(), known);
    }
  }

  /** Offsets have gaps: where the consumer stands tells more than the last record. */
  private boolean notePositions() {
    boolean moved = false;
    List<TopicPartition> through = new ArrayList<>();
    for (PartitionStream stream : streams.values()) {
      if (stream.isRead()) {
        continue;
      }
      long position = consumer.position(stream.partition);
      moved |= position != stream.position;
      stream.position = position;
      if (stream.isRead()) {
        noteAllCut(stream);
        through.add(stream.partition);
        if (stream.isEmpty()) {
          starved--;
        }
      }
    }
    consumer.pause(through);
    return moved;
  }

  private void regulate() {
    List<TopicPartition> full = new ArrayList<>();
    List<TopicPartition> wanting = new ArrayList<>();
    for (PartitionStream stream : streams.values()) {
      if (stream.isRead()) {
        continue;
      }
      // One that is starved has neither, so that it is never paused.
      if (!stream.isPaused && (stream.size() >= held || stream.bytes() >= heldBytes)) {
        stream.isPaused = true;
        full.add(stream.partition);
      } else if (stream.isPaused && stream.size() <= held / 2 && stream.bytes() <= heldBytes / 2) {
        stream.isPaused = false;
        wanting.add(stream.partition);
      }
    }
    consumer.pause(full);
    consumer.resume(wanting);
  }

  /**
   * Where a partition doesn't begin at offset 0, its first record tells how far back it reaches, or
   * if it has none left, the end. It is known at least for as long as its topic keeps records, if
   * somebody knows how long that is.
   */
  @Override
  public Coverage coverage() {
    if (!isBeginningKnown) {
      isBeginningKnown = true;
      fill();
    }
    return coverage;
  }

  @Override
  public Instant end() {
    return end;
  }

  @Override
  public String topicPrefix() {
    return topicPrefix;
  }

  @Override
  public double progress() {
    long left = 0;
    for (PartitionStream stream : streams.values()) {
      left += Math.max(0, stream.end - stream.position) + stream.size();
    }
    return total == 0 ? 1 : Math.clamp(1 - (double) left / total, 0, 1);
  }

  @Override
  public void close() {
    consumer.close();
  }
}
