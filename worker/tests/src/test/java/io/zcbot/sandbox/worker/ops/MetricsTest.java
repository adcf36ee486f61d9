/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.intake.IntakeMetrics;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import java.time.Duration;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class MetricsTest {
  private static final String ENSURE = "sandbox.ensure";
  private static final String ACTIVITY = "sandbox.activity";

  private final Metrics metrics = new Metrics();
  private final SandboxMetrics sandboxes = metrics.sandboxes(List.of("inspect"));
  private final IntakeMetrics intake = metrics.intake(List.of(ENSURE, ACTIVITY));

  @AfterEach
  void close() {
    metrics.close();
  }

  /** The series on the page, without their values. */
  private Set<String> series() {
    return metrics
        .scrape()
        .lines()
        .filter(line -> !line.startsWith("#"))
        .map(line -> line.substring(0, line.lastIndexOf(' ')))
        .collect(Collectors.toSet());
  }

  /** The increase of a series that begins with its first event is lost to Prometheus. */
  @Test
  void everySeriesExistsBeforeItsFirstEvent() {
    Set<String> before = series();

    for (Ready.Outcome outcome : EnumSet.complementOf(EnumSet.of(Ready.Outcome.UNKNOWN))) {
      sandboxes.ensured(outcome.wire(), Duration.ofMillis(3));
    }
    for (Failed.Reason reason : EnumSet.complementOf(EnumSet.of(Failed.Reason.UNKNOWN))) {
      sandboxes.ensured(reason.wire(), Duration.ofMillis(3));
    }
    for (Reaped.Reason reason : EnumSet.complementOf(EnumSet.of(Reaped.Reason.UNKNOWN))) {
      sandboxes.reaped(reason);
    }
    for (SandboxMetrics.Claim how : SandboxMetrics.Claim.values()) {
      sandboxes.claimed("default", how);
    }
    sandboxes.retried(EngineException.Kind.UNAVAILABLE);
    sandboxes.engineCall("inspect", "ok", Duration.ofMillis(1));
    for (String topic : List.of(ENSURE, ACTIVITY)) {
      intake.deadLettered(topic);
      intake.forwarded(topic);
      intake.diversionDropped(topic);
    }
    intake.activity();
    sandboxes.releaseExpired();
    sandboxes.commandStarted(Duration.ofMillis(3));
    for (SandboxMetrics.OutputWay way : SandboxMetrics.OutputWay.values()) {
      sandboxes.outputPublished(way, 7);
    }

    assertThat(series()).isEqualTo(before);
    assertThat(before)
        .contains(
            "zcbot_dead_letters_total{topic=\"sandbox.ensure\"}",
            "zcbot_ensure_seconds_count{answer=\"capacity\"}");
  }

  @Test
  void verbsAreCounted() {
    sandboxes.ensured("reused", Duration.ofMillis(3));
    sandboxes.ensured("image_missing", Duration.ofMillis(1500));
    sandboxes.engineCall("inspect", "ok", Duration.ofMillis(1));
    sandboxes.reaped(Reaped.Reason.IDLE);
    sandboxes.retried(EngineException.Kind.CONFLICT);
    intake.deadLettered("sandbox.ensure");
    intake.forwarded("sandbox.activity");
    intake.activity();
    intake.activity();
    sandboxes.releaseExpired();
    sandboxes.commandStarted(Duration.ofMillis(3));
    sandboxes.outputPublished(SandboxMetrics.OutputWay.INLINE, 7);
    sandboxes.outputPublished(SandboxMetrics.OutputWay.STREAMED, 70);

    assertThat(metrics.scrape())
        .contains("zcbot_releases_expired_total 1.0")
        .contains("zcbot_command_start_seconds_bucket{le=\"0.005\"} 1")
        .contains("zcbot_command_start_seconds_bucket{le=\"0.002\"} 0")
        .contains("zcbot_command_output_bytes_total{way=\"inline\"} 7.0")
        .contains("zcbot_command_output_bytes_total{way=\"streamed\"} 70.0")
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
  void gaugesFollowTheirSuppliers() {
    AtomicInteger running = new AtomicInteger(3);
    metrics.bindSandboxes(running::get, 64);
    metrics.bindLanes(() -> 2);
    metrics.bindInfo("1.0", "w1", "h1");
    assertThat(metrics.scrape())
        .contains("zcbot_sandboxes_running 3.0")
        .contains("zcbot_sandboxes_max 64.0")
        .contains("zcbot_lanes_active 2.0")
        .contains("zcbot_worker_info{host=\"h1\",version=\"1.0\",worker_id=\"w1\"} 1");
    running.set(0);
    assertThat(metrics.scrape()).contains("zcbot_sandboxes_running 0.0");
  }

  @Test
  void partitionsComeAndGo() {
    Map<Integer, Integer> open = new HashMap<>(Map.of(0, 5, 7, 1));
    Map<Integer, Long> lag = new HashMap<>(Map.of(7, 12L));
    Map<Integer, Duration> age = new HashMap<>(Map.of(0, Duration.ofMillis(1500)));
    metrics.bindOpenRecords(() -> open);
    metrics.bindLag("sandbox.ensure", () -> lag);
    metrics.bindLag("sandbox.activity", Map::of);
    metrics.bindWatermarkAge(() -> age);
    metrics.bindOverdue(() -> Map.of(0, Duration.ofSeconds(61), 7, Duration.ZERO));

    assertThat(metrics.scrape())
        .contains("zcbot_open_records{partition=\"0\"} 5.0")
        .contains("zcbot_open_records{partition=\"7\"} 1.0")
        .contains("zcbot_lag{partition=\"7\",topic=\"sandbox.ensure\"} 12.0")
        .contains("zcbot_ensures_overdue_seconds{partition=\"0\"} 61.0")
        .contains("zcbot_ensures_overdue_seconds{partition=\"7\"} 0.0")
        .contains("zcbot_follower_watermark_age_seconds{partition=\"0\"} 1.5");
    open.remove(7);
    lag.put(7, 0L);
    assertThat(metrics.scrape())
        .contains("zcbot_open_records{partition=\"0\"} 5.0")
        .doesNotContain("zcbot_open_records{partition=\"7\"}")
        .contains("zcbot_lag{partition=\"7\",topic=\"sandbox.ensure\"} 0.0");
  }

  @Test
  void everyHealthCheckIsAGauge() {
    AtomicReference<@Nullable String> kafka = new AtomicReference<>("no broker answers");
    Health health = new Health();
    health.live("intake", () -> null);
    health.ready("kafka", kafka::get);
    health.warning("slots", () -> "no mounts here");
    metrics.bindHealth(health);

    assertThat(metrics.scrape())
        .contains("zcbot_health_failing{check=\"intake\",probe=\"live\"} 0.0")
        .contains("zcbot_health_failing{check=\"kafka\",probe=\"ready\"} 1.0")
        .contains("zcbot_health_warning{check=\"kafka\",probe=\"ready\"} 0.0")
        .contains("zcbot_health_failing{check=\"slots\",probe=\"ready\"} 0.0")
        .contains("zcbot_health_warning{check=\"slots\",probe=\"ready\"} 1.0");
    kafka.set(null);
    assertThat(metrics.scrape())
        .contains("zcbot_health_failing{check=\"kafka\",probe=\"ready\"} 0.0");
  }

  @Test
  void theProcessIsMeasured() {
    metrics.bindProcess();
    assertThat(metrics.scrape())
        .contains("jvm_memory_used_bytes")
        .contains("process_uptime_seconds")
        .contains("process_start_time_seconds") // of an alert
        .contains("logback_events_total");
  }

  private static KafkaConsumer<byte[], byte[]> consumer(String id) {
    return new KafkaConsumer<>(
        Map.of("bootstrap.servers", "127.0.0.1:1", "client.id", id),
        new ByteArrayDeserializer(),
        new ByteArrayDeserializer());
  }

  @Test
  void aKafkaClientsMetricsReplaceThoseOfTheOneBefore() {
    Iterator<String> ids = List.of("one", "two").iterator();
    Supplier<KafkaConsumer<byte[], byte[]>> consumers =
        metrics.eachMeasured(() -> consumer(ids.next()));
    consumers.get().close();
    assertThat(metrics.scrape()).contains("kafka_consumer_").contains("client_id=\"one\"");
    consumers.get().close();
    assertThat(metrics.scrape()).contains("client_id=\"two\"").doesNotContain("client_id=\"one\"");
  }

  @Test
  void aProducersMetricsAreOnThePage() {
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", "127.0.0.1:1"),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      assertThat(metrics.measured(producer)).isSameAs(producer);
      assertThat(metrics.scrape()).contains("kafka_producer_");
    }
  }
}
