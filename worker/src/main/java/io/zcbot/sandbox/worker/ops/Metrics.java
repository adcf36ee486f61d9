/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.MeterBinder;
import io.micrometer.core.instrument.binder.jvm.ClassLoaderMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmInfoMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.kafka.KafkaClientMetrics;
import io.micrometer.core.instrument.binder.logging.LogbackMetrics;
import io.micrometer.core.instrument.binder.system.FileDescriptorMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.intake.IntakeMetrics;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.IntSupplier;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.producer.Producer;

/** What is counted, in Prometheus form. Names begin with {@code zcbot_}. */
public final class Metrics implements SandboxMetrics, IntakeMetrics, AutoCloseable {
  /** From a hot ensure's millisecond to a cold one's worst minute. */
  private static final Duration[] ENSURE_BUCKETS =
      buckets(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000);

  private static final Duration[] ENGINE_BUCKETS =
      buckets(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000);

  private static final String CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final List<Runnable> refreshes = new CopyOnWriteArrayList<>();
  private final List<AutoCloseable> bound = new CopyOnWriteArrayList<>();

  /** Starts with every known reason at zero, so that a first occurrence shows as an increase. */
  public Metrics() {
    for (Reaped.Reason reason : Reaped.Reason.values()) {
      reapedCounter(reason);
    }
    for (EngineException.Kind kind : EngineException.Kind.values()) {
      if (kind.isRetryable()) {
        retryCounter(kind);
      }
    }
    for (Claim how : Claim.values()) {
      claimCounter(how);
    }
    activityCounter();
  }

  @Override
  public void ensured(String answer, Duration took) {
    Timer.builder("zcbot.ensure")
        .description("From an ensure's arrival to its answer: a ready's outcome or failed's reason")
        .tag("answer", answer)
        .serviceLevelObjectives(ENSURE_BUCKETS)
        .register(registry)
        .record(took);
  }

  @Override
  public void engineCall(String operation, String result, Duration took) {
    Timer.builder("zcbot.engine.call")
        .description("Calls of the container engine")
        .tags("operation", operation, "result", result)
        .serviceLevelObjectives(ENGINE_BUCKETS)
        .register(registry)
        .record(took);
  }

  @Override
  public void reaped(Reaped.Reason reason) {
    reapedCounter(reason).increment();
  }

  @Override
  public void retried(EngineException.Kind because) {
    retryCounter(because).increment();
  }

  @Override
  public void claimed(Claim how) {
    claimCounter(how).increment();
  }

  @Override
  public void deadLettered(String topic) {
    Counter.builder("zcbot.dead.letters")
        .description("Records that were no event")
        .tag("topic", topic)
        .register(registry)
        .increment();
  }

  @Override
  public void forwarded(String topic) {
    Counter.builder("zcbot.forwarded")
        .description("Records sent on to the partition of their key")
        .tag("topic", topic)
        .register(registry)
        .increment();
  }

  @Override
  public void activity() {
    activityCounter().increment();
  }

  /** Sandboxes of this worker that run. */
  public void bindSandboxes(IntSupplier running) {
    Gauge.builder("zcbot.sandboxes.running", running, IntSupplier::getAsInt)
        .description("Sandboxes of this worker that run")
        .strongReference(true)
        .register(registry);
  }

  /** Warm slots that wait for a user. */
  public void bindSlots(IntSupplier parked) {
    Gauge.builder("zcbot.slots.parked", parked, IntSupplier::getAsInt)
        .description("Warm slots that wait for a user")
        .strongReference(true)
        .register(registry);
  }

  /** Lanes that have work. */
  public void bindLanes(IntSupplier active) {
    Gauge.builder("zcbot.lanes.active", active, IntSupplier::getAsInt)
        .description("Users with work queued or in progress")
        .strongReference(true)
        .register(registry);
  }

  /** Unfinished ensures, by partition. */
  public void bindOpenRecords(Supplier<Map<Integer, Integer>> byPartition) {
    bindByPartition(
        "zcbot.open.records", "Ensures read and not yet answered", Tags.empty(), byPartition);
  }

  /** Records not read yet, by partition; {@code topic} is the input's name. */
  public void bindLag(String topic, Supplier<Map<Integer, Long>> byPartition) {
    bindByPartition("zcbot.lag", "Records not read yet", Tags.of("topic", topic), byPartition);
  }

  /** How old the instant is up to which activity was read, by partition. */
  public void bindWatermarkAge(Supplier<Map<Integer, Duration>> byPartition) {
    MultiGauge gauge =
        MultiGauge.builder("zcbot.follower.watermark.age")
            .description("Age of the instant up to which activity was read; nobody idles after it")
            .baseUnit("seconds")
            .register(registry);
    refreshes.add(() -> gauge.register(rows(byPartition.get(), d -> d.toMillis() / 1e3), true));
  }

  /** A constant that says what runs here. */
  public void bindInfo(String version, String workerId, String host) {
    Gauge.builder("zcbot.worker.info", () -> 1)
        .description("Constant 1; the labels tell what runs here")
        .tags("version", version, "worker_id", workerId, "host", host)
        .register(registry);
  }

  /** The JVM, the process, and how many log lines there were by level. */
  public void bindProcess() {
    Stream.<MeterBinder>of(
            new JvmInfoMetrics(),
            new JvmMemoryMetrics(),
            new JvmGcMetrics(),
            new JvmThreadMetrics(),
            new ClassLoaderMetrics(),
            new ProcessorMetrics(),
            new UptimeMetrics(),
            new FileDescriptorMetrics(),
            new LogbackMetrics())
        .forEach(
            binder -> {
              binder.bindTo(registry);
              if (binder instanceof AutoCloseable closeable) {
                bound.add(closeable);
              }
            });
  }

  /** The client's own metrics, until the result is closed. */
  public Binding bindKafka(Consumer<?, ?> consumer) {
    return bind(new KafkaClientMetrics(consumer));
  }

  /** The client's own metrics, until the result is closed. */
  public Binding bindKafka(Producer<?, ?> producer) {
    return bind(new KafkaClientMetrics(producer));
  }

  /** A client's metrics; closing removes them. */
  public interface Binding extends AutoCloseable {
    @Override
    void close();
  }

  /** Everything, as Prometheus reads it. */
  String scrape() {
    // One at a time: a refresh replaces a gauge's rows.
    synchronized (refreshes) {
      refreshes.forEach(Runnable::run);
      return registry.scrape(CONTENT_TYPE);
    }
  }

  static String contentType() {
    return CONTENT_TYPE;
  }

  @Override
  public void close() {
    for (AutoCloseable closeable : bound) {
      try {
        closeable.close();
      } catch (Exception e) {
        throw new IllegalStateException("a metrics binder could not be closed", e);
      }
    }
    bound.clear();
    registry.close();
  }

  private Binding bind(KafkaClientMetrics client) {
    client.bindTo(registry);
    bound.add(client);
    return () -> {
      client.close();
      bound.remove(client);
    };
  }

  private <N extends Number> void bindByPartition(
      String name, String description, Tags tags, Supplier<Map<Integer, N>> byPartition) {
    MultiGauge gauge =
        MultiGauge.builder(name).description(description).tags(tags).register(registry);
    refreshes.add(() -> gauge.register(rows(byPartition.get(), Number::doubleValue), true));
  }

  private static <V> List<MultiGauge.Row<?>> rows(
      Map<Integer, V> byPartition, ToDoubleFunction<V> value) {
    return byPartition.entrySet().stream()
        .<MultiGauge.Row<?>>map(
            e ->
                MultiGauge.Row.of(
                    Tags.of("partition", e.getKey().toString()), value.applyAsDouble(e.getValue())))
        .toList();
  }

  private Counter reapedCounter(Reaped.Reason reason) {
    return Counter.builder("zcbot.reaped")
        .description("Sandboxes announced reaped")
        .tag("reason", reason.wire())
        .register(registry);
  }

  private Counter retryCounter(EngineException.Kind because) {
    return Counter.builder("zcbot.retries")
        .description("Ensures tried again")
        .tag("because", because.name().toLowerCase(Locale.ROOT))
        .register(registry);
  }

  private Counter claimCounter(Claim how) {
    return Counter.builder("zcbot.slot.claims")
        .description("Sandboxes that could have been made of a warm slot, by how that went")
        .tag("result", how.name().toLowerCase(Locale.ROOT))
        .register(registry);
  }

  private Counter activityCounter() {
    return Counter.builder("zcbot.activities").description("Activities read").register(registry);
  }

  private static Duration[] buckets(int... millis) {
    return Arrays.stream(millis).mapToObj(Duration::ofMillis).toArray(Duration[]::new);
  }
}
