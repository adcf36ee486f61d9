/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.kafka.Denials;
import io.zcbot.sandbox.worker.publish.StartRetry;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import java.util.function.IntPredicate;
import java.util.function.Predicate;
import org.apache.kafka.common.KafkaException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads data of partitions from topics: of all partitions together, and if that fails, of each
 * alone, so that one that can't be reached, or whose log is damaged, does not keep the others from
 * being taken over.
 *
 * @param what completes the sentence "could not read ... of the assigned partitions"
 * @param retry repeats the reads until they work
 * @param passing which failures to retry
 */
record PartitionReading(String what, StartRetry retry, Predicate<Throwable> passing) {
  private static final Logger log = LoggerFactory.getLogger(PartitionReading.class);

  /** The number of threads that read partitions alone; each has a consumer. */
  private static final int THREADS = 4;

  /**
   * Reads on other threads, and retries until it works or the worker stops. Does not block.
   *
   * @param isWanted whether this worker still owns a partition
   * @param read may fail
   * @return what was read, by partition; partitions that were read together have the same result.
   *     Cancelled for a partition that is not wanted any more
   */
  <T> Map<Integer, CompletableFuture<T>> of(
      Set<Integer> partitions, IntPredicate isWanted, Function<Set<Integer>, T> read) {
    Map<Integer, CompletableFuture<T>> results = new HashMap<>();
    partitions.forEach(number -> results.put(number, new CompletableFuture<>()));
    Map<Integer, CompletableFuture<T>> all = Map.copyOf(results);
    start(
        all,
        () -> {
          if (all.size() == 1) {
            readEachAlone(all, isWanted, read);
          } else {
            readTogether(all, isWanted, read);
          }
        });
    return all;
  }

  @FunctionalInterface
  private interface Step {
    void run() throws Exception;
  }

  private static <T> void start(Map<Integer, CompletableFuture<T>> results, Step step) {
    Threads.start(
        "takeover",
        () -> {
          try {
            step.run();
          } catch (Throwable e) {
            results.values().forEach(result -> result.completeExceptionally(e));
          }
        });
  }

  private <T> void readTogether(
      Map<Integer, CompletableFuture<T>> results,
      IntPredicate isWanted,
      Function<Set<Integer>, T> read)
      throws Exception {
    Map<Integer, CompletableFuture<T>> left = new HashMap<>(results);
    try {
      boolean _ =
          retry.untilItWorks(
              "read " + what + " of the assigned partitions",
              () -> {
                left.keySet().removeIf(number -> !isWanted.test(number));
                if (!left.isEmpty()) {
                  T done = read.apply(Set.copyOf(left.keySet()));
                  left.values().forEach(result -> result.complete(done));
                }
                return true;
              },
              Denials::isOfAllPartitions);
      // Affects only those that were not read.
      results.values().forEach(PartitionReading::went);
    } catch (StoppedException e) {
      throw e;
    } catch (RuntimeException e) {
      if (!passing.test(e)) {
        throw e;
      }
      log.info(
          "could not read {} of the assigned partitions together, so each is read alone: {}",
          what,
          e.getMessage());
      for (Map<Integer, CompletableFuture<T>> some : parts(results)) {
        start(some, () -> readEachAlone(some, isWanted, read));
      }
    }
  }

  private static void went(CompletableFuture<?> result) {
    result.completeExceptionally(new CancellationException("it went"));
  }

  private static <T> List<Map<Integer, CompletableFuture<T>>> parts(
      Map<Integer, CompletableFuture<T>> results) {
    Map<Integer, Map<Integer, CompletableFuture<T>>> parts = new HashMap<>();
    for (int number : new TreeSet<>(results.keySet())) {
      parts
          .computeIfAbsent(number % THREADS, _ -> new HashMap<>())
          .put(number, Objects.requireNonNull(results.get(number)));
    }
    return List.copyOf(parts.values());
  }

  private <T> void readEachAlone(
      Map<Integer, CompletableFuture<T>> results,
      IntPredicate isWanted,
      Function<Set<Integer>, T> read)
      throws Exception {
    Map<Integer, CompletableFuture<T>> left = new HashMap<>(results);
    boolean _ =
        retry.untilItWorks(
            "read " + what + " of the assigned partitions",
            () -> {
              RuntimeException failure = null;
              for (int number : Set.copyOf(left.keySet())) {
                CompletableFuture<T> result = Objects.requireNonNull(left.get(number));
                try {
                  if (isWanted.test(number)) {
                    result.complete(read.apply(Set.of(number)));
                  } else {
                    went(result);
                  }
                  left.remove(number);
                } catch (RuntimeException e) {
                  if (!passing.test(e)) {
                    throw e;
                  }
                  failure = e;
                }
              }
              if (failure != null) {
                throw new KafkaException(
                    "partitions %s can't be read: %s"
                        .formatted(new TreeSet<>(left.keySet()), failure.getMessage()),
                    failure);
              }
              return true;
            },
            passing);
  }
}
