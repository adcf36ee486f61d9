/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
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
import io.zcbot.sandbox.worker.base.DiskSpace;
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
import org.jspecify.annotations.Nullable;

/**
 * The worker's metrics, and the page in the Prometheus format on which they are published. Names of
 * the worker's own metrics begin with {@code zcbot_}.
 *
 * <p>Methods that begin with {@code bind} register a gauge whose supplier is called at each scrape,
 * on the thread of the request; suppliers must not block. Thread-safe.
 */
public final class Metrics implements AutoCloseable {
  private static final String CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final List<Runnable> refreshes = new CopyOnWriteArrayList<>();
  private final List<AutoCloseable> bound = new CopyOnWriteArrayList<>();
  private final MeasuredClients clients = new MeasuredClients(registry);

  /** Returns where parts register meters of their own. */
  public MeterRegistry registry() {
    return registry;
  }

  /** Returns the counters of the domain and of the engine adapter. */
  public SandboxMetrics sandboxes(Collection<String> engineOperations) {
    return sandboxes(engineOperations, false);
  }

  /**
   * As above.
   *
   * @param byProfile whether what differs by profile is counted for each profile as well
   */
  public SandboxMetrics sandboxes(Collection<String> engineOperations, boolean byProfile) {
    return new SandboxCounters(registry, engineOperations, byProfile);
  }

  /** Returns the counters of the input topics. */
  public IntakeMetrics intake(Collection<String> topics) {
    return new IntakeCounters(registry, topics);
  }

  /** Returns the counters of copied answers. */
  public ReplyMetrics replies() {
    return new ReplyCounters(registry);
  }

  /** Adds the number of running sandboxes and its maximum. */
  public void bindSandboxes(IntSupplier running, int max) {
    gauge("zcbot.sandboxes.running", "Running sandboxes of this worker", running);
    gauge("zcbot.sandboxes.max", "Maximum number of sandboxes of this worker", () -> max);
  }

  /** Adds the number of idle slots of the warm pool and its target. */
  public void bindSlots(IntSupplier idle, IntSupplier target) {
    gauge("zcbot.slots.idle", "Idle slots of the warm pool", idle);
    gauge("zcbot.slots.target", "Slots that the warm pool is to have idle", target);
  }

  /** What there is of a profile. */
  public record OfProfile(int sandboxes, int idleSlots, int wantedSlots) {}

  /** Adds what there is of each profile, by its name. */
  public void bindProfiles(Supplier<Map<String, OfProfile>> profiles) {
    byProfile("zcbot.profile.sandboxes", "Running sandboxes", profiles, OfProfile::sandboxes);
    byProfile("zcbot.profile.slots.idle", "Idle slots", profiles, OfProfile::idleSlots);
    byProfile("zcbot.profile.slots.target", "Slots to have idle", profiles, OfProfile::wantedSlots);
  }

  private void byProfile(
      String name,
      String what,
      Supplier<Map<String, OfProfile>> profiles,
      ToDoubleFunction<OfProfile> number) {
    MultiGauge gauge =
        MultiGauge.builder(name).description(what + ", by profile").register(registry);
    refreshes.add(
        () ->
            gauge.register(
                profiles.get().entrySet().stream()
                    .<MultiGauge.Row<?>>map(
                        e ->
                            MultiGauge.Row.of(
                                Tags.of("profile", e.getKey()), number.applyAsDouble(e.getValue())))
                    .toList(),
                true));
  }

  /** Adds the space for workspaces. */
  public void bindSpace(Supplier<@Nullable DiskSpace> space) {
    SpaceGauges.register(registry, space);
  }

  public void bindLanes(IntSupplier active) {
    gauge("zcbot.lanes.active", "Users with work queued or in progress", active);
  }

  /** Adds the number of ensures in flight, by partition. */
  public void bindOpenRecords(Supplier<Map<Integer, Integer>> byPartition) {
    byPartition(
        "zcbot.open.records", "Ensures in flight", Tags.empty(), byPartition, Integer::doubleValue);
  }

  /** Adds how long the oldest overdue ensure has been past its deadline, by partition. */
  public void bindOverdue(Supplier<Map<Integer, Duration>> byPartition) {
    byPartition(
        "zcbot.ensures.overdue.seconds",
        "Time since the earliest deadline of an ensure that is not answered; 0 if none is late",
        Tags.empty(),
        byPartition,
        overdue -> overdue.toMillis() / 1e3);
  }

  /**
   * Adds the number of records that have not been read yet, by partition.
   *
   * @param topic the input topic's name, as a label
   */
  public void bindLag(String topic, Supplier<Map<Integer, Long>> byPartition) {
    byPartition(
        "zcbot.lag",
        "Records that have not been read yet",
        Tags.of("topic", topic),
        byPartition,
        Long::doubleValue);
  }

  /** Adds the number of commands that run or wait. */
  public void bindCommands(IntSupplier active) {
    gauge("zcbot.commands.active", "Commands that run or wait to", active);
  }

  /** Adds the number of execs that were read and are neither started nor answered, by partition. */
  public void bindOpenExecs(Supplier<Map<Integer, Integer>> byPartition) {
    byPartition(
        "zcbot.exec.open.records",
        "Execs in flight: read, and neither started nor answered",
        Tags.empty(),
        byPartition,
        Integer::doubleValue);
  }

  /** Adds the number of execs that have not been read yet, by partition. */
  public void bindExecLag(Supplier<Map<Integer, Long>> byPartition) {
    byPartition(
        "zcbot.exec.lag",
        "Execs that have not been read yet",
        Tags.empty(),
        byPartition,
        Long::doubleValue);
  }

  /** Adds the age of the instant up to which activity was read, by partition. */
  public void bindWatermarkAge(Supplier<Map<Integer, Duration>> byPartition) {
    byPartition(
        "zcbot.follower.watermark.age.seconds",
        "Age of the instant up to which activity has been read; idleness is judged at that instant",
        Tags.empty(),
        byPartition,
        age -> age.toMillis() / 1e3);
  }

  /** Adds the state of each health check. */
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

  /** Adds a constant whose labels describe this worker. */
  public void bindInfo(String version, String workerId, String host) {
    Gauge.builder("zcbot.worker.info", () -> 1)
        .description("Constant 1; the labels describe the worker")
        .tags("version", version, "worker_id", workerId, "host", host)
        .register(registry);
  }

  /** Adds metrics of the JVM and the process, and counts of log lines by level. */
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

  /** Returns the producer after its metrics were added. */
  public <P extends Producer<?, ?>> P measured(P producer) {
    return clients.measured(producer);
  }

  /**
   * Returns a supplier that adds the metrics of each consumer and removes those of the previous
   * one.
   */
  public <C extends Consumer<?, ?>> Supplier<C> eachMeasured(Supplier<C> consumers) {
    return clients.eachMeasured(consumers);
  }

  /** Returns the page in the Prometheus format. */
  String scrape() {
    // serialized, because a refresh replaces the rows of a gauge
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
