/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import io.zcbot.sandbox.worker.kafka.PartitionOffsets;
import java.time.Instant;
import java.util.Collection;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.IntPredicate;
import java.util.stream.Collectors;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;

/** Offsets of empty partitions, some of which have no leader. */
record AnsweringLeaders(IntPredicate isAnswering) implements PartitionOffsets {
  @Override
  public Map<TopicPartition, CompletableFuture<Long>> ends(Collection<TopicPartition> of) {
    return of.stream()
        .collect(
            Collectors.toMap(
                each -> each,
                each ->
                    isAnswering.test(each.partition())
                        ? CompletableFuture.completedFuture(0L)
                        : CompletableFuture.failedFuture(new TimeoutException("no leader"))));
  }

  @Override
  public Map<TopicPartition, CompletableFuture<Span>> since(
      Collection<TopicPartition> of, Instant from) {
    throw new UnsupportedOperationException("nothing asks for it");
  }
}
