/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.binder.MeterBinder;
import io.micrometer.core.instrument.binder.jvm.ClassLoaderMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmInfoMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.logging.LogbackMetrics;
import io.micrometer.core.instrument.binder.system.FileDescriptorMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.zcbot.sandbox.worker.intake.IntakeMetrics;
import io.zcbot.sandbox.worker.reply.ReplyMetrics;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.IntSupplier;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.producer.Producer;

/**
 * The page of metrics, in the Prometheus format. Names of the worker's own metrics begin with
 * {@code zcbot_}.
 */
public final class Metrics implements AutoCloseable {
  private static final String CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final List<Runnable> refreshes = new CopyOnWriteArrayList<>();
  private final List<AutoCloseable> bound = new CopyOnWriteArrayList<>();
  private final MeasuredClients clients;

  /**
   * An empty page.
   *
   * @param kafkaClients whether the Kafka clients' own metrics are on it
   */
  public Metrics(boolean kafkaClients) {
    this.clients = new MeasuredClients(kafkaClients ? registry : null);
  }

  /** Counts what the domain and the engine adapter do. */
  public SandboxMetrics sandboxes(Collection<String> engineOperations) {
    return new SandboxCounters(registry, engineOperations);
  }

  /** Counts what is read from the input topics. */
  public IntakeMetrics intake(Collection<String> topics) {
    return new IntakeCounters(registry, topics);
  }

  /** Counts the copies of answers. */
  public ReplyMetrics replies() {
    return new ReplyCounters(registry);
  }

  /** Sandboxes that run, and the most that may. */
  public void bindSandboxes(IntSupplier running, int max) {
    gauge("zcbot.sandboxes.running", "Running sandboxes of this worker", running);
    gauge("zcbot.sandboxes.max", "Maximum number of sandboxes of this worker", () -> max);
  }

  /** Idle slots of the warm pool, and how many there are to be. */
  public void bindSlots(IntSupplier idle, IntSupplier target) {
    gauge("zcbot.slots.idle", "Idle slots of the warm pool", idle);
    gauge("zcbot.slots.target", "Slots that the warm pool is to have idle", target);
  }

  public void bindLanes(IntSupplier active) {
    gauge("zcbot.lanes.active", "Users with work queued or in progress", active);
  }

  /** Unfinished ensures, by partition. */
  public void bindOpenRecords(Supplier<Map<Integer, Integer>> byPartition) {
    byPartition(
        "zcbot.open.records", "Ensures in flight", Tags.empty(), byPartition, Integer::doubleValue);
  }

  /** For how long ensures have been past their deadline without an answer, by partition. */
  public void bindOverdue(Supplier<Map<Integer, Duration>> byPartition) {
    byPartition(
        "zcbot.ensures.overdue.seconds",
        "Time since the earliest deadline of an ensure that is not answered; 0 if none is late",
        Tags.empty(),
        byPartition,
        overdue -> overdue.toMillis() / 1e3);
  }

  /** Records that have not been read yet, by partition; {@code topic} is the input's name. */
  public void bindLag(String topic, Supplier<Map<Integer, Long>> byPartition) {
    byPartition(
        "zcbot.lag",
        "Records that have not been read yet",
        Tags.of("topic", topic),
        byPartition,
        Long::doubleValue);
  }

  /** Commands that run or wait. */
  public void bindCommands(IntSupplier active) {
    gauge("zcbot.commands.active", "Commands that run or wait to", active);
  }

  /** Execs that were read and need not be read again yet, by partition. */
  public void bindOpenExecs(Supplier<Map<Integer, Integer>> byPartition) {
    byPartition(
        "zcbot.exec.open.records",
        "Execs in flight: read, and neither started nor answered",
        Tags.empty(),
        byPartition,
        Integer::doubleValue);
  }

  /** Execs that have not been read yet, by partition. */
  public void bindExecLag(Supplier<Map<Integer, Long>> byPartition) {
    byPartition(
        "zcbot.exec.lag",
        "Execs that have not been read yet",
        Tags.empty(),
        byPartition,
        Long::doubleValue);
  }

  /** How old the instant is up to which activity was read, by partition. */
  public void bindWatermarkAge(Supplier<Map<Integer, Duration>> byPartition) {
    byPartition(
        "zcbot.follower.watermark.age.seconds",
        "Age of the instant up to which activity has been read; idleness is judged at that instant",
        Tags.empty(),
        byPartition,
        age -> age.toMillis() / 1e3);
  }

  /** How each check stands. */
  public void bindHealth(Health health) {
    MultiGauge failing =
        MultiGauge.builder("zcbot.health.failing")
            .description("1 while the health check fails")
            .register(registry);
    MultiGauge warning =
        MultiGauge.builder("zcbot.health.warning")
            .description("1 while the health check warns")
            .register(registry);
    refreshes.add(
        () -> {
          try {
            Map<String, Health.Report> probes =
                Map.of("live", health.liveness(), "ready", health.readiness());
            failing.register(rows(probes, Health.Status.Failing.class::isInstance), true);
            warning.register(rows(probes, Health.Status.Warning.class::isInstance), true);
          } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
          }
        });
  }

  private static List<MultiGauge.Row<?>> rows(
      Map<String, Health.Report> probes, Predicate<Health.Status> is) {
    return probes.entrySet().stream()
        .flatMap(
            probe ->
                probe.getValue().checks().entrySet().stream()
                    .<MultiGauge.Row<?>>map(
                        check ->
                            MultiGauge.Row.of(
                                Tags.of("probe", probe.getKey(), "check", check.getKey()),
                                is.test(check.getValue()) ? 1 : 0)))
        .toList();
  }

  /** A constant that says what runs here. */
  public void bindInfo(String version, String workerId, String host) {
    Gauge.builder("zcbot.worker.info", () -> 1)
        .description("Constant 1; the labels describe the worker and the engine")
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

  /** The same producer, measured. */
  public <P extends Producer<?, ?>> P measured(P producer) {
    return clients.measured(producer);
  }

  /** The same consumers, measured; the metrics of each replace those of the one before it. */
  public <C extends Consumer<?, ?>> Supplier<C> eachMeasured(Supplier<C> consumers) {
    return clients.eachMeasured(consumers);
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
    clients.close();
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

  private void gauge(String name, String description, IntSupplier value) {
    Gauge.builder(name, value, IntSupplier::getAsInt)
        .description(description)
        .strongReference(true)
        .register(registry);
  }

  private <V> void byPartition(
      String name,
      String description,
      Tags tags,
      Supplier<Map<Integer, V>> values,
      ToDoubleFunction<V> number) {
    MultiGauge gauge =
        MultiGauge.builder(name).description(description).tags(tags).register(registry);
    refreshes.add(
        () ->
            gauge.register(
                values.get().entrySet().stream()
                    .<MultiGauge.Row<?>>map(
                        e ->
                            MultiGauge.Row.of(
                                Tags.of("partition", e.getKey().toString()),
                                number.applyAsDouble(e.getValue())))
                    .toList(),
                true));
  }
}
