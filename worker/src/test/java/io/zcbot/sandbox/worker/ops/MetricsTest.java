/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.worker.engine.EngineException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class MetricsTest {
  private final Metrics metrics = new Metrics();

  @AfterEach
  void close() {
    metrics.close();
  }

  @Test
  void known_reasons_begin_at_zero() {
    assertThat(metrics.scrape())
        .contains("zcbot_reaped_total{reason=\"idle\"} 0.0")
        .contains("zcbot_reaped_total{reason=\"died\"} 0.0")
        .contains("zcbot_retries_total{because=\"unavailable\"} 0.0")
        .contains("zcbot_activities_total 0.0");
  }

  @Test
  void verbs_are_counted() {
    metrics.ensured("reused", Duration.ofMillis(3));
    metrics.ensured("image_missing", Duration.ofMillis(1500));
    metrics.engineCall("inspect", "ok", Duration.ofMillis(1));
    metrics.reaped(Reaped.Reason.IDLE);
    metrics.retried(EngineException.Kind.CONFLICT);
    metrics.deadLettered("sandbox.ensure");
    metrics.forwarded("sandbox.activity");
    metrics.activity();
    metrics.activity();

    assertThat(metrics.scrape())
        .contains("zcbot_ensure_seconds_count{answer=\"reused\"} 1")
        .contains("zcbot_ensure_seconds_bucket{answer=\"reused\",le=\"0.005\"} 1")
        .contains("zcbot_ensure_seconds_bucket{answer=\"reused\",le=\"0.002\"} 0")
        .contains("zcbot_ensure_seconds_sum{answer=\"image_missing\"} 1.5")
        .contains("zcbot_engine_call_seconds_count{operation=\"inspect\",result=\"ok\"} 1")
        .contains("zcbot_reaped_total{reason=\"idle\"} 1.0")
        .contains("zcbot_retries_total{because=\"conflict\"} 1.0")
        .contains("zcbot_dead_letters_total{topic=\"sandbox.ensure\"} 1.0")
        .contains("zcbot_forwarded_total{topic=\"sandbox.activity\"} 1.0")
        .contains("zcbot_activities_total 2.0");
  }

  @Test
  void gauges_follow_their_suppliers() {
    AtomicInteger running = new AtomicInteger(3);
    metrics.bindSandboxes(running::get);
    metrics.bindLanes(() -> 2);
    metrics.bindInfo("1.0", "w1", "h1");
    assertThat(metrics.scrape())
        .contains("zcbot_sandboxes_running 3.0")
        .contains("zcbot_lanes_active 2.0")
        .contains("zcbot_worker_info{host=\"h1\",version=\"1.0\",worker_id=\"w1\"} 1");
    running.set(0);
    assertThat(metrics.scrape()).contains("zcbot_sandboxes_running 0.0");
  }

  @Test
  void partitions_come_and_go() {
    Map<Integer, Integer> open = new HashMap<>(Map.of(0, 5, 7, 1));
    Map<Integer, Long> lag = new HashMap<>(Map.of(7, 12L));
    Map<Integer, Duration> age = new HashMap<>(Map.of(0, Duration.ofMillis(1500)));
    metrics.bindOpenRecords(() -> open);
    metrics.bindLag("sandbox.ensure", () -> lag);
    metrics.bindLag("sandbox.activity", Map::of);
    metrics.bindWatermarkAge(() -> age);

    assertThat(metrics.scrape())
        .contains("zcbot_open_records{partition=\"0\"} 5.0")
        .contains("zcbot_open_records{partition=\"7\"} 1.0")
        .contains("zcbot_lag{partition=\"7\",topic=\"sandbox.ensure\"} 12.0")
        .contains("zcbot_follower_watermark_age_seconds{partition=\"0\"} 1.5");
    open.remove(7);
    lag.put(7, 0L);
    assertThat(metrics.scrape())
        .contains("zcbot_open_records{partition=\"0\"} 5.0")
        .doesNotContain("zcbot_open_records{partition=\"7\"}")
        .contains("zcbot_lag{partition=\"7\",topic=\"sandbox.ensure\"} 0.0");
  }

  @Test
  void the_process_and_its_kafka_clients_are_measured() {
    metrics.bindProcess();
    Map<String, Object> client = Map.of("bootstrap.servers", "127.0.0.1:1", "group.id", "g");
    try (KafkaConsumer<byte[], byte[]> consumer =
            new KafkaConsumer<>(client, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        KafkaProducer<byte[], byte[]> producer =
            new KafkaProducer<>(
                Map.of("bootstrap.servers", "127.0.0.1:1"),
                new ByteArraySerializer(),
                new ByteArraySerializer());
        Metrics.Binding c = metrics.bindKafka(consumer);
        Metrics.Binding p = metrics.bindKafka(producer)) {
      assertThat(c).isNotSameAs(p);
      assertThat(metrics.scrape())
          .contains("jvm_memory_used_bytes")
          .contains("process_uptime_seconds")
          .contains("logback_events_total")
          .contains("kafka_consumer_")
          .contains("kafka_producer_");
    }
    assertThat(metrics.scrape()).doesNotContain("kafka_producer_");
  }
}
