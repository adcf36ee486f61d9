/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import java.time.Instant;
import java.util.Collection;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.TopicPartition;

/**
 * Asks the leaders of partitions for offsets. Each partition is answered by itself, so that one
 * without a leader holds up no other; its answer fails with a retriable exception. Nothing blocks.
 * Thread-safe.
 */
public interface PartitionOffsets {
  /** The offset behind the last record of each partition. */
  Map<TopicPartition, CompletableFuture<Long>> ends(Collection<TopicPartition> of);

  /**
   * The records from an instant on.
   *
   * @param start the offset of the first record at or after the instant; the end if there is none
   * @param end the offset behind the last record
   */
  record Span(long start, long end) {}

  /** The records of each partition from an instant on. */
  Map<TopicPartition, CompletableFuture<Span>> since(Collection<TopicPartition> of, Instant from);
}
