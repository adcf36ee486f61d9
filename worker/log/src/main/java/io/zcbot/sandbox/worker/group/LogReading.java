/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.kafka.OutageLog;
import io.zcbot.sandbox.worker.publish.StartRetry;
import io.zcbot.sandbox.worker.reap.LogComparison;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiFunction;
import java.util.function.IntPredicate;
import org.apache.kafka.common.KafkaException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads what the log says about the users of assigned partitions.
 *
 * @param retry repeats the reads until they work
 */
public record LogReading(LogComparison comparison, StartRetry retry) {
  private static final Logger log = LoggerFactory.getLogger(LogReading.class);

  /**
   * Compares on other threads, and retries until it works or the worker stops. Does not block.
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
    OutageLog unexpected = new OutageLog(log, Time.system());
    Map<Integer, CompletableFuture<Void>> done = new HashMap<>();
    // Retry whatever fails, because nobody serves these partitions until it works.
    new PartitionReading("what the log says of users", retry, RuntimeException.class::isInstance)
        .of(partitions, isWanted, some -> then.apply(some, compare(some, unexpected)))
        .forEach(
            (number, read) ->
                done.put(
                    number, read.thenCompose(acted -> Objects.requireNonNull(acted.get(number)))));
    return done;
  }

  private LogComparison.Differences compare(Set<Integer> partitions, OutageLog unexpected) {
    try {
      return comparison.of(partitions, true);
    } catch (KafkaException e) {
      throw e;
    } catch (RuntimeException e) {
      unexpected.failed("reading the log failed unexpectedly; please report this", e);
      throw e;
    }
  }
}
