/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsResult;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * Offsets from an admin client, which repeats a question only for partitions that have no answer. A
 * consumer's calls are all or nothing. The client is made for the first question.
 */
public final class AdminOffsets implements PartitionOffsets, AutoCloseable {
  private final Supplier<Admin> admins;
  private @Nullable Admin admin;

  /**
   * Asks nothing yet.
   *
   * @param admins makes a client, whose time-outs apply to each question; this closes it
   */
  public AdminOffsets(Supplier<Admin> admins) {
    this.admins = admins;
  }

  private synchronized Admin admin() {
    if (admin == null) {
      admin = admins.get();
    }
    return admin;
  }

  @Override
  public Map<TopicPartition, CompletableFuture<Long>> ends(Collection<TopicPartition> of) {
    return ask(of, OffsetSpec.latest());
  }

  /**
   * Asks each partition for its end first, or a record that is appended between the answers would
   * be skipped.
   */
  @Override
  public Map<TopicPartition, CompletableFuture<Span>> since(
      Collection<TopicPartition> of, Instant from) {
    OffsetSpec spec = OffsetSpec.forTimestamp(Math.max(0, from.toEpochMilli())); // none is negative
    Map<TopicPartition, CompletableFuture<Span>> spans = new HashMap<>();
    ends(of)
        .forEach(
            (partition, known) ->
                spans.put(
                    partition,
                    known.thenCompose(
                        end -> first(partition, spec).thenApply(at -> span(at, end)))));
    return spans;
  }

  private CompletableFuture<Long> first(TopicPartition partition, OffsetSpec spec) {
    return ask(Set.of(partition), spec).values().iterator().next();
  }

  private static Span span(long first, long end) {
    return new Span(first < 0 ? end : first, end);
  }

  private Map<TopicPartition, CompletableFuture<Long>> ask(
      Collection<TopicPartition> of, OffsetSpec spec) {
    ListOffsetsResult answers =
        admin().listOffsets(of.stream().collect(Collectors.toMap(each -> each, _ -> spec)));
    return of.stream()
        .collect(
            Collectors.toMap(
                each -> each,
                each ->
                    answers
                        .partitionResult(each)
                        .toCompletionStage()
                        .thenApply(ListOffsetsResult.ListOffsetsResultInfo::offset)
                        .toCompletableFuture()));
  }

  @Override
  public synchronized void close() {
    if (admin != null) {
      admin.close(Duration.ZERO);
    }
  }
}
