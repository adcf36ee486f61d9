/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.kafka.Denials;
import io.zcbot.sandbox.worker.kafka.OutageLog;
import io.zcbot.sandbox.worker.kafka.PartitionOffsets;
import io.zcbot.sandbox.worker.publish.StartRetry;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.function.IntPredicate;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads data of partitions together. A consumer's questions are all or nothing, so if that fails,
 * the partitions are read whose leaders answer.
 *
 * @param offsets tells which leaders answer
 * @param topics that are read
 */
public record PartitionReading(PartitionOffsets offsets, List<String> topics) {
  private static final Logger log = LoggerFactory.getLogger(PartitionReading.class);

  /** Leaders answer within milliseconds. */
  private static final Duration ANSWER = Duration.ofSeconds(5);

  /**
   * What was read.
   *
   * @param read by partition; partitions that were read together have the same result
   * @param failure why others were not read; null if all were
   */
  record Outcome<T>(Map<Integer, T> read, @Nullable RuntimeException failure) {}

  /**
   * Reads once. Blocks.
   *
   * @param isWanted whether to read a partition; others are left out of the outcome
   * @param read may fail
   */
  <T> Outcome<T> once(
      Collection<Integer> partitions, IntPredicate isWanted, Function<Set<Integer>, T> read)
      throws InterruptedException {
    Set<Integer> wanted = new TreeSet<>(partitions);
    wanted.removeIf(number -> !isWanted.test(number));
    if (wanted.isEmpty()) {
      return new Outcome<>(Map.of(), null);
    }
    try {
      T done = read.apply(wanted);
      Map<Integer, T> all = new HashMap<>();
      wanted.forEach(number -> all.put(number, done));
      return new Outcome<>(all, null);
    } catch (StoppedException e) {
      throw e;
    } catch (RuntimeException e) {
      if (wanted.size() == 1 || Denials.isOfAllPartitions(e)) {
        return new Outcome<>(Map.of(), e);
      }
      Set<Integer> answering = answering(wanted);
      return answering.equals(wanted)
          ? eachAlone(wanted, isWanted, read)
          : new Outcome<>(once(answering, isWanted, read).read(), e);
    }
  }

  /**
   * Reads each partition by itself, since a batch that is damaged does not tell its partition. Goes
   * once brokers refuse such batches.
   */
  private <T> Outcome<T> eachAlone(
      Set<Integer> partitions, IntPredicate isWanted, Function<Set<Integer>, T> read)
      throws InterruptedException {
    Map<Integer, T> done = new HashMap<>();
    RuntimeException failure = null;
    for (int number : partitions) {
      Outcome<T> one = once(Set.of(number), isWanted, read);
      done.putAll(one.read());
      failure = one.failure() == null ? failure : one.failure();
    }
    return new Outcome<>(done, failure);
  }

  private Set<Integer> answering(Set<Integer> partitions) throws InterruptedException {
    Map<TopicPartition, CompletableFuture<Long>> answers = offsets.ends(partitions(partitions));
    try {
      CompletableFuture.allOf(answers.values().toArray(CompletableFuture[]::new))
          .get(ANSWER.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException | TimeoutException _) {
      // those that answered are read
    }
    Set<Integer> answering = new TreeSet<>(partitions);
    answers.forEach(
        (partition, answer) -> {
          if (answer.state() != Future.State.SUCCESS) {
            answering.remove(partition.partition());
          }
        });
    return answering;
  }

  private List<TopicPartition> partitions(Set<Integer> numbers) {
    return topics.stream()
        .flatMap(topic -> numbers.stream().map(number -> new TopicPartition(topic, number)))
        .toList();
  }

  /**
   * Reads on another thread, and retries whatever fails until it works or the worker stops, because
   * nobody serves these partitions before. Does not block.
   *
   * @param what completes the sentence "could not read ... of the assigned partitions"
   * @param isWanted whether this worker still owns a partition
   * @param read may fail
   * @return what was read, by partition. Cancelled for a partition that is not wanted any more
   */
  <T> Map<Integer, CompletableFuture<T>> untilItWorks(
      String what,
      StartRetry retry,
      Set<Integer> partitions,
      IntPredicate isWanted,
      Function<Set<Integer>, T> read) {
    Map<Integer, CompletableFuture<T>> results = new HashMap<>();
    partitions.forEach(number -> results.put(number, new CompletableFuture<>()));
    Map<Integer, CompletableFuture<T>> left = new TreeMap<>(results);
    OutageLog unexpected = new OutageLog(log, Time.system());
    Threads.start(
        "takeover",
        () -> {
          try {
            boolean _ =
                retry.untilItWorks(
                    "read " + what + " of the assigned partitions",
                    () -> readLeft(left, isWanted, read, unexpected),
                    RuntimeException.class::isInstance);
          } catch (Throwable e) {
            left.values().forEach(result -> result.completeExceptionally(e));
          }
        });
    return results;
  }

  private <T> boolean readLeft(
      Map<Integer, CompletableFuture<T>> left,
      IntPredicate isWanted,
      Function<Set<Integer>, T> read,
      OutageLog unexpected)
      throws InterruptedException {
    Outcome<T> outcome = once(left.keySet(), isWanted, read);
    left.entrySet()
        .removeIf(
            each -> {
              T done = outcome.read().get(each.getKey());
              return done != null
                  ? each.getValue().complete(done)
                  : !isWanted.test(each.getKey())
                      && each.getValue()
                          .completeExceptionally(new CancellationException("it went"));
            });
    RuntimeException failure = outcome.failure();
    if (failure == null || left.isEmpty()) {
      return true;
    }
    if (!(failure instanceof KafkaException)) {
      unexpected.failed("reading the log failed unexpectedly; please report this", failure);
    }
    throw new KafkaException(
        "partitions %s can't be read: %s".formatted(left.keySet(), failure.getMessage()), failure);
  }
}
