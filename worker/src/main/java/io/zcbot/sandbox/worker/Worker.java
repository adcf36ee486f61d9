/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.config.GroupConfig;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.docker.DockerEngine;
import io.zcbot.sandbox.worker.docker.DockerSandboxes;
import io.zcbot.sandbox.worker.doctor.Finding;
import io.zcbot.sandbox.worker.ensure.Domain;
import io.zcbot.sandbox.worker.group.EagerEnsures;
import io.zcbot.sandbox.worker.group.LiveEntries;
import io.zcbot.sandbox.worker.group.PartitionHandover;
import io.zcbot.sandbox.worker.group.PartitionOwnership;
import io.zcbot.sandbox.worker.intake.ActivityFollower;
import io.zcbot.sandbox.worker.intake.EnsureIntake;
import io.zcbot.sandbox.worker.intake.IntakeMetrics;
import io.zcbot.sandbox.worker.kafka.KafkaClients;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.kafka.LogReader;
import io.zcbot.sandbox.worker.lanes.Lanes;
import io.zcbot.sandbox.worker.mounts.MountedSlots;
import io.zcbot.sandbox.worker.mounts.ProjectQuotas;
import io.zcbot.sandbox.worker.mounts.WorkspaceMount;
import io.zcbot.sandbox.worker.ops.Health;
import io.zcbot.sandbox.worker.ops.Metrics;
import io.zcbot.sandbox.worker.ops.OpsServer;
import io.zcbot.sandbox.worker.pool.WarmPool;
import io.zcbot.sandbox.worker.publish.Publisher;
import io.zcbot.sandbox.worker.publish.TopicAdmin;
import io.zcbot.sandbox.worker.publish.TopicsException;
import io.zcbot.sandbox.worker.reap.Reaper;
import io.zcbot.sandbox.worker.sandbox.Identity;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.sandbox.Time;
import io.zcbot.sandbox.worker.sandbox.WorkspaceQuota;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.startup.Membership;
import io.zcbot.sandbox.worker.startup.Preflight;
import io.zcbot.sandbox.worker.startup.Recovery;
import io.zcbot.sandbox.worker.startup.StartRetry;
import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.Producer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The worker of one sandbox host: wires the parts, starts them in order, stops them in reverse.
 *
 * <p>{@link #start} waits for the engine and for Kafka as long as it takes, and says so in the log
 * and in readiness; {@link #close} from another thread ends the wait.
 */
public final class Worker implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Worker.class);

  private static final Duration PROBE_INTERVAL = Duration.ofSeconds(5);
  private static final Duration REFILL_INTERVAL = Duration.ofMillis(100);

  private final WorkerConfig config;
  private final Time time = Time.system();
  private final Closer closer = new Closer();
  private final CountDownLatch stopped = new CountDownLatch(1);
  private volatile @Nullable Thread starting;
  private volatile boolean stopping;
  private volatile @Nullable String startProblem = "starting";
  private volatile @Nullable String takeoverProblem;
  private volatile Supplier<String> warmth = () -> "not yet";
  private final StartRetry retry =
      new StartRetry(
          () -> stopping, problem -> startProblem = problem == null ? "starting" : problem);

  /** A worker that is not started yet; does nothing but remember its settings. */
  public Worker(WorkerConfig config) {
    this.config = config;
  }

  /**
   * Starts the worker and returns when it serves.
   *
   * @throws IOException if the workspace root, the ops address or the engine can't be used
   * @throws TopicsException if the topics are not as the contract needs them
   * @throws InterruptedException if it was closed while it started
   */
  public void start() throws IOException, TopicsException, InterruptedException {
    starting = Thread.currentThread();
    try {
      assemble();
    } catch (IOException | TopicsException | InterruptedException | RuntimeException e) {
      closer.close();
      throw e;
    } finally {
      starting = null;
    }
  }

  private void assemble() throws IOException, TopicsException, InterruptedException {
    Metrics metrics = closer.add(new Metrics(config.ops().kafkaMetrics));
    SandboxMetrics sandboxMetrics = metrics.sandboxes(DockerEngine.operations());
    IntakeMetrics intakeMetrics =
        metrics.intake(List.of(topic(Topic.ENSURE), topic(Topic.ACTIVITY)));
    metrics.bindProcess();
    metrics.bindInfo(version(), config.workerId(), config.host());
    Health health = new Health();
    metrics.bindHealth(health);
    serveOps(metrics, health);

    Workspaces root = Workspaces.open(config.workspaces().root);
    WorkspaceMount mount = closer.add(WorkspaceMount.prepare(root.root()));
    WorkspaceQuota quota =
        config.workspaces().limit == null
            ? WorkspaceQuota.NONE
            : ProjectQuotas.of(root.root(), config.workspaces().limit);
    DockerEngine engine = closer.add(EngineClient.of(config, sandboxMetrics));
    DockerSandboxes sandboxes = engine.sandboxes(config.spec());
    KafkaClients kafka =
        new KafkaClients(config.kafka(), "zcbot-" + config.workerId() + "-on-" + config.host());
    Membership membership = closer.add(Membership.take(config, kafka));
    int partitions = verifyTopics(kafka);
    warnOfTopics(kafka, health);
    membership.refuseIfElsewhere();
    Preflight.Fit fit =
        new Preflight(engine, config.spec(), config.workspaces().limit).run(this::untilItWorks);
    for (Finding weakness : fit.weaknesses()) {
      health.warning("engine-" + weakness.check(), weakness::detail);
    }
    Workspaces workspaces = root.ownedBy(fit.owner()).limitedBy(quota);
    KeyPartitions keyPartitions = new KeyPartitions(partitions);
    Producer<byte[], byte[]> producer = metrics.measured(kafka.producer());
    Publisher publisher =
        closer.add(
            new Publisher(
                producer,
                keyPartitions,
                config.kafka().topicPrefix(),
                "/zcbot/sandbox/" + config.workerId()));
    LogReader reader = new LogReader(() -> kafka.freeConsumer("log"));

    Lanes lanes = closer.add(new Lanes(part(12)));
    Registry registry = new Registry();
    ActivityFollower follower =
        new ActivityFollower(
            metrics.eachMeasured(() -> kafka.freeConsumer("activity")),
            new ActivityFollower.Settings(
                topic(Topic.ACTIVITY),
                partitions,
                config.reaper().idleTtl,
                shorter(Duration.ofSeconds(1), config.reaper().interval)),
            registry::touch,
            publisher,
            time,
            intakeMetrics);
    Timers timers = new Timers();
    Domain domain =
        Domain.of(
            new Domain.Ports(
                engine,
                publisher,
                publisher,
                lanes::submit,
                follower,
                timers.executor(),
                time,
                sandboxMetrics),
            sandboxes,
            new Domain.Settings(
                new Identity(config.workerId(), config.host(), config.engineAddress()),
                new Reaper.Limits(
                    config.reaper().idleTtl,
                    config.reaper().evictAfter,
                    config.reaper().maxLifetime),
                config.capacity().maxSandboxes,
                config.capacity().createConcurrency,
                config.capacity().reapConcurrency,
                config.capacity().newUsersPerMinute),
            registry,
            workspaces,
            new WarmPool.Setup(
                sandboxes,
                new MountedSlots(mount, config.workerId()),
                config.capacity().warmSlots,
                fit.slotProblem()));
    warmth = domain.slots()::status;
    PartitionHandover handover =
        new PartitionHandover(
            follower,
            domain.reaper(),
            domain.takeover(),
            lanes,
            new LiveEntries(
                assigned -> reader.live(topic(Topic.LIVE), assigned),
                new StartRetry(() -> stopping, problem -> takeoverProblem = problem)),
            new EagerEnsures(
                publisher, timers.executor(), config.group().handover, config.workerId(), time),
            config.group().restart,
            new PartitionOwnership(time, () -> stopping));
    EnsureIntake intake =
        new EnsureIntake(
            metrics.eachMeasured(
                () ->
                    kafka.groupConsumer(
                        Math.min(500, config.group().maxOpenRecords), config.workerId())),
            new EnsureIntake.Settings(
                topic(Topic.ENSURE),
                partitions,
                config.group().maxOpenRecords,
                config.group().ensureExpiry,
                config.group().revokeTimeout,
                config.group().restart == GroupConfig.Restart.PURGE,
                part(2)),
            lanes::submit,
            domain.ensurer()::ensure,
            publisher,
            handover,
            membership::removePredecessor,
            time,
            intakeMetrics);

    metrics.bindSandboxes(registry::size, config.capacity().maxSandboxes);
    metrics.bindSlots(domain.slots()::idle);
    metrics.bindLanes(lanes::active);
    metrics.bindOpenRecords(intake::inFlightByPartition);
    metrics.bindLag(topic(Topic.ENSURE), intake::lagByPartition);
    metrics.bindWatermarkAge(follower::ageByPartition);
    health.ready("engine", timers::engineProblem);
    health.ready("engine-events", () -> domain.engineFollower().problem());
    health.ready("firewall", sandboxes::firewallProblem);
    health.live("activity-follower", follower::fatalProblem);
    health.live("ensure-intake", intake::fatalProblem);
    health.ready("kafka-activity", follower::problem);
    // A poll of brokers that are away returns nothing, as an idle one does; the follower asks them.
    health.ready("kafka-ensures", () -> either(intake.problem(), follower.problem()));
    health.ready("kafka-takeover", () -> takeoverProblem);
    if (config.capacity().warmSlots > 0) {
      health.warning("warm-slots", domain.slots()::problem);
    }
    health.ready("kafka-publish", () -> either(publisher.problem(), follower.problem()));

    sandboxes.checkFirewall(); // a failure is told by readiness; the timer tries again
    new Recovery(config, domain, reader, keyPartitions, partitions, time).run(this::untilItWorks);

    closer.add(() -> domain.slots().close(part(12)));
    closer.add(follower).start();
    closer.add(domain.engineFollower()).start();
    closer.add(timers);
    timers.every(config.reaper().interval, domain.reaper()::tick);
    timers.every(PROBE_INTERVAL, handover::removeUnowned);
    timers.everyOnEngine(
        config.engine().reconcileInterval, "reconcile", domain.reconciler()::reconcile);
    timers.everyOnEngine(PROBE_INTERVAL, "ping", engine::ping);
    timers.everyOnEngine(config.engine().firewallInterval, "firewall", sandboxes::checkFirewall);
    timers.every(REFILL_INTERVAL, domain.slots()::tick);
    timers.everyOnEngine(config.engine().reconcileInterval, "sweep", () -> domain.slots().sweep());
    if (config.group().restart == GroupConfig.Restart.PURGE) {
      closer.add(() -> reapAtStop(domain.reaper()));
    }
    closer.add(intake).start();
    closer.add(domain.slots()::stopMaking);
    startProblem = null;
    log.info(
        "worker {} serves ensures of group {} on {}",
        config.workerId(),
        config.kafka().groupId(),
        config.kafka().bootstrapServers());
  }

  private String topic(Topic topic) {
    return topic.named(config.kafka().topicPrefix());
  }

  private void serveOps(Metrics metrics, Health health) throws IOException {
    health.ready("start", () -> startProblem);
    if (config.ops().address != null) {
      closer.add(new OpsServer(config.ops().address, health, metrics, this::facts)).start();
    }
  }

  private Map<String, String> facts() {
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("worker", config.workerId());
    facts.put("host", config.host());
    facts.put("version", version());
    facts.put("image", config.spec().image());
    facts.put("idle TTL", config.reaper().idleTtl.toString());
    facts.put("warm slots", warmth.get());
    return facts;
  }

  private int verifyTopics(KafkaClients kafka)
      throws IOException, TopicsException, InterruptedException {
    return untilItWorks(
        "look at the topics",
        () -> {
          try (Admin admin = kafka.admin()) {
            return new TopicAdmin(admin, config.kafka()).verifyOrCreate();
          }
        },
        e -> e instanceof TopicsException refused && !refused.isFinal());
  }

  /** Topics that let a writer harm the worker are served all the same. */
  private void warnOfTopics(KafkaClients kafka, Health health) throws InterruptedException {
    String weakness;
    try (Admin admin = kafka.admin()) {
      weakness = String.join("; ", new TopicAdmin(admin, config.kafka()).weaknesses());
    } catch (TopicsException e) {
      weakness = "the settings of the topics could not be checked: " + e.getMessage();
    }
    if (!weakness.isEmpty()) {
      log.warn("{}", weakness);
      String told = weakness;
      health.warning("topics", () -> told);
    }
  }

  private <T> T untilItWorks(
      String what, StartRetry.Attempt<T> attempt, Predicate<Throwable> passing)
      throws IOException, TopicsException, InterruptedException {
    try {
      return retry.untilItWorks(what, attempt, passing);
    } catch (IOException | TopicsException | InterruptedException | RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException("tried to " + what + ", failed unexpectedly", e);
    }
  }

  private static @Nullable String either(@Nullable String one, @Nullable String other) {
    return one != null ? one : other;
  }

  /** A share of the time a stop may take. */
  private Duration part(int denominator) {
    return config.ops().stopTimeout.dividedBy(denominator);
  }

  private static Duration shorter(Duration one, Duration other) {
    return one.compareTo(other) < 0 ? one : other;
  }

  private static String version() {
    String version = Worker.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }

  /** Reaps what giving the partitions away did not get to: the next start would purge it. */
  private void reapAtStop(Reaper reaper) throws InterruptedException {
    try {
      reaper
          .reapAll(Reaped.Reason.SHUTDOWN, _ -> true, List.of())
          .get(part(6).toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException _) {
      log.warn("not all sandboxes were reaped in time; the next start purges the rest");
    } catch (ExecutionException e) {
      log.warn("not all sandboxes were reaped; the next start purges the rest", e);
    }
  }

  /** Waits until the worker was closed. */
  public void awaitStop() throws InterruptedException {
    stopped.await();
  }

  /**
   * Stops: reads no more, lets running work end, reaps this worker's sandboxes, commits what is
   * done. Takes the configured stop time-out at most, more or less; a second call waits for the
   * first.
   */
  @Override
  public void close() {
    if (!stopping) {
      log.info("stopping");
    }
    stopping = true;
    startProblem = "stopping";
    Thread inStart = starting;
    if (inStart != null) {
      inStart.interrupt();
    }
    closer.close();
    stopped.countDown();
  }
}
