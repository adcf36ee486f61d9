/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import io.zcbot.sandbox.worker.kafka.BatchReader.Batch;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Deserializer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A consumer in which no record hides others. In an uncompressed batch, brokers check the number of
 * records, but not the offset that each of them states. A record that states one which is too large
 * makes Kafka's consumer drop all smaller ones that it has fetched, whoever wrote them, or go on
 * behind the end of the log, and begin anew.
 *
 * <p>Such a record leaves a gap between the offsets read. At each gap this consumer asks the broker
 * for the batches in it. It accepts the gap if they have no records, as the markers of transactions
 * do; passes batches with false offsets; and reads on at the next one.
 */
abstract class OffsetCheckedConsumer extends KafkaConsumer<byte[], byte[]> {
  private static final Logger log = LoggerFactory.getLogger(OffsetCheckedConsumer.class);

  /** The longest that one gap may take before others are read again. */
  private static final Duration LONGEST = Duration.ofMillis(50);

  private static final Duration CALL_TIMEOUT = Duration.ofSeconds(5);

  private final OffsetCheck check;
  private final boolean isMember;
  private final Map<TopicPartition, Long> expected = new HashMap<>();
  private @Nullable BatchReader batches;

  /**
   * Creates a consumer.
   *
   * @param isMember whether it reads on where its group was
   */
  OffsetCheckedConsumer(
      Map<String, Object> settings,
      Deserializer<byte[]> keys,
      Deserializer<byte[]> values,
      OffsetCheck check,
      boolean isMember) {
    super(settings, keys, values);
    this.check = check;
    this.isMember = isMember;
  }

  @Override
  public ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
    return checked(super.poll(timeout));
  }

  @Override
  public void assign(Collection<TopicPartition> partitions) {
    super.assign(partitions);
    expected.keySet().retainAll(partitions);
  }

  @Override
  public void seek(TopicPartition partition, long offset) {
    super.seek(partition, offset);
    expected.put(partition, offset);
  }

  @Override
  public void seek(TopicPartition partition, OffsetAndMetadata offset) {
    super.seek(partition, offset);
    expected.put(partition, offset.offset());
  }

  @Override
  public void seekToBeginning(Collection<TopicPartition> partitions) {
    super.seekToBeginning(partitions);
    forget(partitions);
  }

  @Override
  public void seekToEnd(Collection<TopicPartition> partitions) {
    super.seekToEnd(partitions);
    forget(partitions);
  }

  /** Forgets where these partitions were read, since they were given up. */
  final void forget(Collection<TopicPartition> partitions) {
    expected.keySet().removeAll(partitions);
  }

  private ConsumerRecords<byte[], byte[]> checked(ConsumerRecords<byte[], byte[]> found) {
    Map<TopicPartition, Integer> cuts = new HashMap<>();
    for (TopicPartition partition : found.partitions()) {
      if (check.topics().contains(partition.topic())) {
        List<ConsumerRecord<byte[], byte[]>> records = found.records(partition);
        int count = countUpToGap(partition, records);
        if (count < records.size()) {
          cuts.put(partition, count);
        }
      }
    }
    ConsumerRecords<byte[], byte[]> left = cuts.isEmpty() ? found : cut(found, cuts);
    left.nextOffsets().forEach((partition, next) -> expected.put(partition, next.offset()));
    return left;
  }

  /** Cuts off what is behind these numbers of records, and reads that part anew. */
  private ConsumerRecords<byte[], byte[]> cut(
      ConsumerRecords<byte[], byte[]> found, Map<TopicPartition, Integer> cuts) {
    Map<TopicPartition, OffsetAndMetadata> next = new HashMap<>(found.nextOffsets());
    cuts.forEach(
        (partition, _) -> {
          long offset = Objects.requireNonNull(expected.get(partition));
          OffsetAndMetadata reached = Objects.requireNonNull(next.get(partition));
          next.put(partition, new OffsetAndMetadata(offset, reached.leaderEpoch(), ""));
          readOn(partition, offset, reached.offset());
        });
    Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> left = new HashMap<>();
    for (TopicPartition partition : found.partitions()) {
      List<ConsumerRecord<byte[], byte[]>> records = found.records(partition);
      int count = cuts.getOrDefault(partition, records.size());
      if (count > 0) {
        left.put(partition, records.subList(0, count));
      }
    }
    // Partitions may have been taken away meanwhile.
    left.keySet().retainAll(assignment());
    next.keySet().retainAll(assignment());
    return new ConsumerRecords<>(left, next);
  }

  /**
   * Reads on from an offset, and drops what was fetched behind a record that states a false one.
   * Kafka's consumer would keep that if the offset is the one that it has reached.
   */
  final void readOn(TopicPartition partition, long offset, long reached) {
    try {
      if (offset == reached) {
        dropFetched(partition, offset + 1);
      }
    } finally {
      if (assignment().contains(partition)) {
        seek(partition, offset);
      }
    }
  }

  /** Polls this partition alone, at another offset. */
  private void dropFetched(TopicPartition partition, long other) {
    Set<TopicPartition> others = new HashSet<>(assignment());
    others.removeAll(paused());
    others.remove(partition);
    pause(others);
    super.seek(partition, other);
    try {
      var _ = super.poll(Duration.ZERO);
    } catch (KafkaException e) {
      if (!UnreadableBatches.isForBatch(e)) {
        throw e;
      }
      log.warn("{} can't be read at offset {} either", partition, other, e);
    } finally {
      others.retainAll(assignment());
      resume(others);
    }
  }

  /** Counts the records in front of the first one behind which to read anew. */
  private int countUpToGap(TopicPartition partition, List<ConsumerRecord<byte[], byte[]>> records) {
    for (int i = 0; i < records.size(); i++) {
      long stated = records.get(i).offset();
      Long before = expected.containsKey(partition) ? expected.get(partition) : start(partition);
      if (before != null && before < stated) {
        Long from = readAnew(partition, before, stated);
        if (from != null) {
          expected.put(partition, from);
          return i;
        }
      }
      expected.put(partition, stated + 1);
    }
    return records.size();
  }

  /** Where reading began, if nobody sought a position; null if that is not known. */
  private @Nullable Long start(TopicPartition partition) {
    if (!isMember) {
      return null;
    }
    Set<TopicPartition> unknown = new HashSet<>(assignment());
    unknown.removeAll(expected.keySet());
    committed(unknown, CALL_TIMEOUT)
        .forEach(
            (each, offset) -> {
              if (offset != null) {
                expected.put(each, offset.offset());
              }
            });
    return expected.containsKey(partition)
        ? expected.get(partition)
        : beginningOffsets(Set.of(partition), CALL_TIMEOUT).get(partition);
  }

  /**
   * Looks at the batches in a gap.
   *
   * @param from the offset that should have been read
   * @param stated the offset that the next record states
   * @return where to read on; null if that record has its place there
   */
  private @Nullable Long readAnew(TopicPartition partition, long from, long stated) {
    long began = System.nanoTime();
    long at = from;
    long passed = 0;
    while (passed > 0 || at < stated) {
      Batch batch = batchAt(partition, at);
      if (passed == 0 && batch != null && batch.beginsWith(stated)) {
        return null; // behind records of the same batch that were deleted
      }
      if (batch == null || batch.isOrdinary()) {
        break;
      }
      passed += batch.isFalse() ? batch.end() - at : 0;
      at = batch.end();
      if (System.nanoTime() - began > LONGEST.toNanos()) { // not before one was passed
        break;
      }
    }
    if (passed > 0) {
      log.warn(
          "passed {} records of {} in front of offset {}, because some of them state the offsets of"
              + " others: a client that may write to this topic writes what no ordinary client does",
          passed,
          partition,
          at);
    }
    return passed == 0 && at == stated ? null : Long.valueOf(at);
  }

  /** The batch at an offset; null if there is none that can be read. */
  private @Nullable Batch batchAt(TopicPartition partition, long offset) {
    BatchReader reader = batches();
    try {
      return reader.at(partition, offset);
    } catch (OffsetOutOfRangeException _) {
      long beginning = reader.beginning(partition);
      return beginning > offset ? new Batch(null, offset, beginning) : null;
    } catch (KafkaException e) {
      if (UnreadableBatches.isForBatch(e)) {
        return null; // the next poll fails there, and its caller decides
      }
      throw e;
    }
  }

  final BatchReader batches() {
    BatchReader reader = batches;
    if (reader == null) {
      reader = check.batches().get();
      batches = reader;
    }
    return reader;
  }

  @Override
  public void close() {
    closeBatches();
    super.close();
  }

  @Override
  public void close(CloseOptions options) {
    closeBatches();
    super.close(options);
  }

  private void closeBatches() {
    if (batches != null) {
      batches.close();
      batches = null;
    }
  }
}
