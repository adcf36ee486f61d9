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
  private final MeterRegistry registry;
  private final List<KafkaClientMetrics> bound = new CopyOnWriteArrayList<>();

  MeasuredClients(MeterRegistry registry) {
    this.registry = registry;
  }

  <P extends Producer<?, ?>> P measured(P producer) {
    bind(new KafkaClientMetrics(producer));
    return producer;
  }

  <C extends Consumer<?, ?>> Supplier<C> eachMeasured(Supplier<C> consumers) {
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
      last.metrics = bind(new KafkaClientMetrics(consumer));
      return consumer;
    };
  }

  private KafkaClientMetrics bind(KafkaClientMetrics client) {
    client.bindTo(registry);
    bound.add(client);
    return client;
  }

  @Override
  public void close() {
    bound.forEach(KafkaClientMetrics::close);
    bound.clear();
  }
}
