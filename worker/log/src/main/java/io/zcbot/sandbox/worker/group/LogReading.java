/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import io.zcbot.sandbox.worker.publish.StartRetry;
import io.zcbot.sandbox.worker.reap.LogComparison;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiFunction;
import java.util.function.IntPredicate;

/**
 * Reads what the log says about the users of assigned partitions.
 *
 * @param reading of the topics that are compared
 * @param retry repeats the reads until they work
 */
public record LogReading(LogComparison comparison, PartitionReading reading, StartRetry retry) {
  /**
   * Compares on another thread, and retries until it works or the worker stops. Does not block.
   *
   * @param isWanted whether this worker still owns a partition
   * @param then acts on the differences in some partitions; returns for each of them what completes
   *     when all of it is done
   * @return for each partition, what completes when all of it is done
   */
  Map<Integer, CompletableFuture<Void>> of(
      Set<Integer> partitions,
      IntPredicate isWanted,
      BiFunction<Set<Integer>, LogComparison.Differences, Map<Integer, CompletableFuture<Void>>>
          then) {
    Map<Integer, CompletableFuture<Void>> done = new HashMap<>();
    reading
        .untilItWorks(
            "what the log says of users",
            retry,
            partitions,
            isWanted,
            some -> then.apply(some, comparison.of(some, true)))
        .forEach(
            (number, read) ->
                done.put(
                    number, read.thenCompose(acted -> Objects.requireNonNull(acted.get(number)))));
    return done;
  }
}
