/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/** Makes one poll out of several that return one record each. Confined to the polling thread. */
final class OneAtATime {
  /** A poll returns no more once it has this much, decompressed. */
  static final int ENOUGH_BYTES = 1024 * 1024;

  private final Function<Duration, ConsumerRecords<byte[], byte[]>> next;
  private final int most;
  private final Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> records =
      new LinkedHashMap<>();
  private final Map<TopicPartition, OffsetAndMetadata> nextOffsets = new HashMap<>();
  private int count;
  private long bytes;
  private boolean isCut;
  private boolean isRebalanced;
  private @Nullable RuntimeException failure;

  /**
   * Creates a reader.
   *
   * @param next polls a consumer that returns one record at a time
   * @param most how many records a poll returns
   */
  OneAtATime(Function<Duration, ConsumerRecords<byte[], byte[]>> next, int most) {
    this.next = next;
    this.most = most;
  }

  /** Waits for the first record only. A failure behind it is thrown by the next call. */
  ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
    if (failure != null) {
      RuntimeException kept = failure;
      failure = null;
      throw kept;
    }
    begin();
    try {
      if (take(next.apply(timeout))) {
        while (hasRoom() && take(next.apply(Duration.ZERO))) {
          // take() has kept what was found
        }
      }
    } catch (RuntimeException e) {
      if (count == 0) {
        throw e;
      }
      failure = e; // the position is behind these records, so they must be returned
    }
    return new ConsumerRecords<>(Map.copyOf(records), Map.copyOf(nextOffsets));
  }

  private void begin() {
    records.clear();
    nextOffsets.clear();
    count = 0;
    bytes = 0;
    isCut = false;
    isRebalanced = false;
  }

  /**
   * Whether to read on. A poll ends behind a record of very many headers: to read one takes long,
   * and a poll must not last longer than the lease of a member.
   */
  private boolean hasRoom() {
    return !isRebalanced && !isCut && count < most && bytes < ENOUGH_BYTES;
  }

  /** Keeps the records; false if there are none. */
  private boolean take(ConsumerRecords<byte[], byte[]> found) {
    nextOffsets.putAll(found.nextOffsets());
    for (TopicPartition partition : found.partitions()) {
      for (ConsumerRecord<byte[], byte[]> whole : found.records(partition)) {
        ConsumerRecord<byte[], byte[]> record = HeaderLimit.within(whole);
        isCut = HeaderLimit.isCut(record);
        records.computeIfAbsent(partition, _ -> new ArrayList<>()).add(record);
        count++;
        bytes += RecordSize.of(record);
      }
    }
    return !found.isEmpty();
  }

  /**
   * Wraps a listener. A partition that is taken away behind a record that was read in the same poll
   * is committed without it, so its next owner reads it.
   */
  ConsumerRebalanceListener watching(ConsumerRebalanceListener listener) {
    return new ConsumerRebalanceListener() {
      @Override
      public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        isRebalanced = true;
        listener.onPartitionsAssigned(partitions);
      }

      @Override
      public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        drop(partitions);
        listener.onPartitionsRevoked(partitions);
      }

      @Override
      public void onPartitionsLost(Collection<TopicPartition> partitions) {
        drop(partitions);
        listener.onPartitionsLost(partitions);
      }
    };
  }

  private void drop(Collection<TopicPartition> partitions) {
    isRebalanced = true;
    records.keySet().removeAll(partitions);
    nextOffsets.keySet().removeAll(partitions);
  }
}
