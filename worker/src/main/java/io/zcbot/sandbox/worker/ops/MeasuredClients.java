/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.kafka.KafkaClientMetrics;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.producer.Producer;
import org.jspecify.annotations.Nullable;

/** Adds the Kafka clients' own metrics to the registry. */
final class MeasuredClients implements AutoCloseable {
  private final @Nullable MeterRegistry registry;
  private final List<KafkaClientMetrics> bound = new CopyOnWriteArrayList<>();

  /**
   * Creates what measures clients.
   *
   * @param registry where their metrics go; null to leave them out
   */
  MeasuredClients(@Nullable MeterRegistry registry) {
    this.registry = registry;
  }

  <P extends Producer<?, ?>> P measured(P producer) {
    if (registry != null) {
      bind(registry, new KafkaClientMetrics(producer));
    }
    return producer;
  }

  <C extends Consumer<?, ?>> Supplier<C> eachMeasured(Supplier<C> consumers) {
    MeterRegistry into = registry;
    if (into == null) {
      return consumers;
    }
    var last =
        new Object() {
          @Nullable KafkaClientMetrics metrics;
        };
    return () -> {
      KafkaClientMetrics before = last.metrics;
      if (before != null) {
        before.close();
        bound.remove(before);
      }
      C consumer = consumers.get();
      last.metrics = bind(into, new KafkaClientMetrics(consumer));
      return consumer;
    };
  }

  private KafkaClientMetrics bind(MeterRegistry into, KafkaClientMetrics client) {
    client.bindTo(into);
    bound.add(client);
    return client;
  }

  @Override
  public void close() {
    bound.forEach(KafkaClientMetrics::close);
    bound.clear();
  }
}
