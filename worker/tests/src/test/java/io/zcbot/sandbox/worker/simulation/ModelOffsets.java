/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import io.zcbot.sandbox.worker.kafka.PartitionOffsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;

/** Answers after a while, for each partition by itself. */
final class ModelOffsets implements PartitionOffsets {
  private static final Duration LIMIT = Duration.ofSeconds(10);
  private static final Duration AGAIN = Duration.ofMillis(100);

  private final ModelBroker broker;
  private final Machine.Process process;

  ModelOffsets(ModelBroker broker) {
    this.broker = broker;
    this.process = broker.machine.process();
  }

  @Override
  public Map<TopicPartition, CompletableFuture<Long>> ends(Collection<TopicPartition> of) {
    return ask(of, ModelBroker.Log::endForWorkers);
  }

  @Override
  public Map<TopicPartition, CompletableFuture<Span>> since(
      Collection<TopicPartition> of, Instant from) {
    return ask(
        of,
        log -> {
          long end = log.endForWorkers();
          return log.records.stream()
              .filter(record -> record.timestamp() >= from.toEpochMilli())
              .findFirst()
              .map(record -> new Span(record.offset(), end))
              .orElse(new Span(end, end));
        });
  }

  private <A> Map<TopicPartition, CompletableFuture<A>> ask(
      Collection<TopicPartition> of, Function<ModelBroker.Log, A> answer) {
    Map<TopicPartition, CompletableFuture<A>> answers = new LinkedHashMap<>();
    long deadline = broker.machine.nanos() + LIMIT.toNanos();
    of.stream()
        .sorted(ModelConsumer.ORDER)
        .forEach(
            partition -> {
              CompletableFuture<A> future = new CompletableFuture<>();
              answers.put(partition, future);
              process.after(broker.latency(), () -> answer(partition, answer, future, deadline));
            });
    return answers;
  }

  private <A> void answer(
      TopicPartition partition,
      Function<ModelBroker.Log, A> answer,
      CompletableFuture<A> future,
      long deadline) {
    if (!broker.reaches(process, partition)) {
      if (broker.machine.nanos() < deadline) {
        process.after(AGAIN, () -> answer(partition, answer, future, deadline));
      } else {
        future.completeExceptionally(new TimeoutException(partition + " is not reached"));
      }
      return;
    }
    try {
      broker.authorize(partition.topic());
      future.complete(answer.apply(broker.log(partition.topic(), partition.partition())));
    } catch (KafkaException e) {
      future.completeExceptionally(e);
    }
  }
}
