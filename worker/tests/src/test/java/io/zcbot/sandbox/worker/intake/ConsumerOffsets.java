/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.kafka.PartitionOffsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;

/** Offsets that a test's consumer tells, for one partition at a time and at once. */
record ConsumerOffsets(Supplier<Consumer<byte[], byte[]>> consumer) implements PartitionOffsets {
  private static final Duration LIMIT = Duration.ofSeconds(5);

  @Override
  public Map<TopicPartition, CompletableFuture<Long>> ends(Collection<TopicPartition> of) {
    return each(of, this::end);
  }

  @Override
  public Map<TopicPartition, CompletableFuture<Span>> since(
      Collection<TopicPartition> of, Instant from) {
    return each(
        of,
        partition -> {
          long end = end(partition);
          OffsetAndTimestamp first =
              consumer
                  .get()
                  .offsetsForTimes(Map.of(partition, from.toEpochMilli()), LIMIT)
                  .get(partition);
          return new Span(first == null ? end : first.offset(), end);
        });
  }

  private long end(TopicPartition partition) {
    return consumer.get().endOffsets(Set.of(partition), LIMIT).get(partition);
  }

  private static <A> Map<TopicPartition, CompletableFuture<A>> each(
      Collection<TopicPartition> of, Function<TopicPartition, A> answer) {
    return of.stream()
        .collect(
            Collectors.toMap(
                partition -> partition,
                partition -> {
                  try {
                    return CompletableFuture.completedFuture(answer.apply(partition));
                  } catch (KafkaException e) {
                    return CompletableFuture.failedFuture(e);
                  }
                }));
  }
}
