/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import io.zcbot.sandbox.worker.kafka.OutageLog;
import io.zcbot.sandbox.worker.reap.LogComparison;
import io.zcbot.sandbox.worker.sandbox.Time;
import io.zcbot.sandbox.worker.startup.StartRetry;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.IntPredicate;
import org.apache.kafka.common.KafkaException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads what the log says of the users of assigned partitions.
 *
 * @param retry tries until it works
 */
public record LogReading(LogComparison comparison, StartRetry retry) {
  private static final Logger log = LoggerFactory.getLogger(LogReading.class);

  /**
   * Compares on threads of its own, and tries until it works or the worker stops.
   *
   * @param isWanted whether a partition still is this worker's
   * @param then what is done with what differs in some of them; results in what completes when the
   *     rest of a partition is done, where there is a rest
   * @return for each partition what completes when that is done
   */
  Map<Integer, CompletableFuture<Void>> of(
      Set<Integer> partitions,
      IntPredicate isWanted,
      BiFunction<
              Set<Integer>,
              LogComparison.Differences,
              CompletableFuture<Map<Integer, CompletableFuture<Void>>>>
          then) {
    CompletableFuture<Void> none = CompletableFuture.completedFuture(null);
    OutageLog unexpected = new OutageLog(log, Time.system());
    Map<Integer, CompletableFuture<Void>> done = new HashMap<>();
    // Whatever fails: until it works, nobody serves these partitions.
    new PartitionReading("what the log says of users", retry, RuntimeException.class::isInstance)
        .of(
            partitions,
            isWanted,
            some ->
                CompletableFuture.completedFuture(compare(some, unexpected))
                    .thenCompose(differences -> then.apply(some, differences)))
        .forEach(
            (number, read) ->
                done.put(
                    number,
                    read.thenCompose(Function.identity())
                        .thenCompose(rest -> rest.getOrDefault(number, none))));
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
