/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.commands.CommandLimits;
import io.zcbot.sandbox.worker.commands.CommandSetup;
import io.zcbot.sandbox.worker.config.GroupConfig;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.ProfileEngines;
import io.zcbot.sandbox.worker.ensure.Domain;
import io.zcbot.sandbox.worker.group.CommandTableReading;
import io.zcbot.sandbox.worker.group.EagerEnsures;
import io.zcbot.sandbox.worker.group.LogReading;
import io.zcbot.sandbox.worker.group.PartitionHandover;
import io.zcbot.sandbox.worker.group.PartitionReading;
import io.zcbot.sandbox.worker.group.PartitionRelease;
import io.zcbot.sandbox.worker.intake.ActivityFollower;
import io.zcbot.sandbox.worker.intake.Assignment;
import io.zcbot.sandbox.worker.intake.CommandFollower;
import io.zcbot.sandbox.worker.intake.EnsureIntake;
import io.zcbot.sandbox.worker.intake.IntakeMetrics;
import io.zcbot.sandbox.worker.kafka.CommandTableReader;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.kafka.LogReader;
import io.zcbot.sandbox.worker.lanes.Lanes;
import io.zcbot.sandbox.worker.pool.WarmPool;
import io.zcbot.sandbox.worker.publish.KafkaCommandTable;
import io.zcbot.sandbox.worker.publish.KafkaCurrentSandboxes;
import io.zcbot.sandbox.worker.publish.KafkaSandboxLog;
import io.zcbot.sandbox.worker.publish.Publisher;
import io.zcbot.sandbox.worker.publish.StartRetry;
import io.zcbot.sandbox.worker.reap.LogComparison;
import io.zcbot.sandbox.worker.reap.Reaper;
import io.zcbot.sandbox.worker.reply.Replies;
import io.zcbot.sandbox.worker.sandbox.CurrentSandboxes;
import io.zcbot.sandbox.worker.sandbox.EventSink;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.Identity;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.SandboxLog;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.spec.IdleTtls;
import io.zcbot.sandbox.worker.spec.Profile;
import io.zcbot.sandbox.worker.spec.Profiles;
import io.zcbot.sandbox.worker.spec.Warm;
import io.zcbot.sandbox.worker.startup.Recovery;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;

/** A worker's process: the parts that {@code Parts} and {@code Worker} assemble, over models. */
final class SimulatedWorker {
  private static final Duration PROBE_INTERVAL = Duration.ofSeconds(5);

  /** Minutes in a real worker. */
  private static final Duration COMPARISON_INTERVAL = Duration.ofSeconds(15);

  private static final Duration RECONCILE_INTERVAL = Duration.ofSeconds(10);

  private static final Duration COMMANDS_INTERVAL = Duration.ofSeconds(1);
  private static final Duration REFILL_INTERVAL = Duration.ofMillis(500);

  final Machine.Process process;
  final Domain domain;
  private final WorkerConfig config;
  private final Machine machine;
  private final ModelBroker broker;
  private final Judge judge;
  private final Time time;
  private final SimulatedTimer timers;
  private final KeyPartitions keys;
  private final Publisher publisher;
  private final LogReader reader;
  private final SandboxLog sandboxLog;
  private final Registry registry;
  private final Lanes lanes;
  private final Assignment assignment;
  private final ActivityFollower follower;
  private final PartitionHandover handover;
  private final EnsureIntake intake;
  private final CommandFollower commandFollower;
  private final ThreadLocal<Long> readUpTo = new ThreadLocal<>();
  private boolean stopping;

  /** Assembles a worker, in a thread of its process. */
  SimulatedWorker(
      WorkerConfig config,
      SimulatedHost host,
      int slots,
      Workspaces workspaces,
      ModelBroker broker,
      Judge judge) {
    SimulatedEngine engine = host.engine;
    this.config = config;
    this.broker = broker;
    this.machine = broker.machine;
    this.process = machine.process();
    this.judge = judge;
    process.worker = this;
    this.time =
        new Time() {
          @Override
          public long nanos() {
            return machine.monotonic();
          }

          @Override
          public Instant now() {
            return machine.now();
          }
        };
    timers = new SimulatedTimer(process);
    keys = new KeyPartitions(broker.partitions);
    publisher =
        new Publisher(
            new ModelProducer(broker),
            keys,
            Topic.DEFAULT_PREFIX,
            config.workerId(),
            "workers",
            64,
            Replies.NONE);
    reader = new LogReader(() -> new ModelConsumer(broker, 500));
    sandboxLog = new KafkaSandboxLog(reader, Topic.DEFAULT_PREFIX, keys, KafkaSandboxLog.MAX_BYTES);
    lanes = new Lanes(Duration.ofSeconds(2));
    assignment =
        new Assignment(
            ModelBroker.name(Topic.ENSURE), broker.partitions, GroupConfig.MAX_OPEN_RECORDS, time);
    registry = new Registry();
    Profiles profiles =
        Profiles.only(
            new Profile(
                ProfileName.DEFAULT,
                config.spec(),
                IdleTtls.always(config.reaper().idleTtl),
                null,
                new Warm(slots, slots),
                Map.of()));
    ModelOffsets offsets = new ModelOffsets(broker);
    follower =
        new ActivityFollower(
            () -> new ModelConsumer(broker, 500),
            offsets,
            number -> assignment.of(number).isKept(),
            new ActivityFollower.Settings(
                ModelBroker.name(Topic.ACTIVITY),
                broker.partitions,
                () -> registry.longestIdleTtl(config.reaper().idleTtl),
                Duration.ofSeconds(1)),
            (user, at) -> registry.touch(user, at, Reaped.Use.ACTIVITY),
            publisher,
            time,
            IntakeMetrics.NONE);
    domain =
        Domain.of(
            new Domain.Ports(
                engine,
                new JudgedSink(),
                publisher,
                currentSandboxes(),
                lanes::submit,
                this::readUpTo,
                timers,
                time,
                SandboxMetrics.NONE),
            () -> profiles,
            new Domain.Settings(
                new Identity(config.workerId(), config.host(), config.engineAddress()),
                new Reaper.Limits(config.reaper().evictAfter, null, null),
                100,
                4,
                4,
                1_000_000),
            registry,
            workspaces,
            new WarmPool.Setup(ProfileEngines.always(engine, engine), host.mounts, () -> Warm.MOST),
            new CommandSetup(
                host.commands,
                new KafkaCommandTable(publisher, keys, Topic.DEFAULT_PREFIX, timers),
                CommandLimits.DEFAULT));
    EagerEnsures eager =
        new EagerEnsures(
            publisher, timers, config.group().handover, config.workerId(), () -> profiles, time);
    handover =
        new PartitionHandover(
            new PartitionRelease(
                domain.reaper(),
                domain.takeover(),
                lanes,
                keys,
                eager,
                config.group().restart,
                () -> stopping),
            domain.takeover(),
            new LogReading(
                new LogComparison(registry, sandboxLog, time, config.workerId()),
                reading(offsets, Topic.LIVE, Topic.READY, Topic.REAPED),
                new StartRetry(() -> stopping)),
            eager,
            () -> stopping,
            this::leaveCommands);
    intake =
        new EnsureIntake(
            new EnsureIntake.Group(
                () -> new MemberConsumer(broker, 100, config.workerId()),
                assignment,
                handover,
                this::removePredecessor),
            new EnsureIntake.Settings(
                broker.partitions,
                config.group().ensureExpiry,
                config.group().revokeTimeout,
                config.group().restart == GroupConfig.Restart.PURGE,
                Duration.ofSeconds(12)),
            lanes::submit,
            domain.ensurer()::ensure,
            publisher,
            time,
            IntakeMetrics.NONE);
    commandFollower =
        new CommandFollower(
            new CommandFollower.Consumers(
                () -> new CommittingConsumer(broker, 100),
                () -> new ModelConsumer(broker, 100),
                offsets),
            new CommandFollower.Owned(
                assignment,
                new CommandTableReading(
                    new CommandTableReader(reader, Topic.DEFAULT_PREFIX, keys),
                    reading(offsets, Topic.COMMANDS, Topic.EXEC),
                    new StartRetry(() -> stopping))),
            new CommandFollower.Settings(
                new CommandFollower.Topics(
                    ModelBroker.name(Topic.EXEC),
                    ModelBroker.name(Topic.INPUT),
                    ModelBroker.name(Topic.RELEASE)),
                broker.partitions,
                config.group().ensureExpiry,
                GroupConfig.MAX_OPEN_RECORDS),
            lanes::submit,
            domain.commands(),
            publisher,
            time,
            IntakeMetrics.NONE);
  }

  private static PartitionReading reading(ModelOffsets offsets, Topic... topics) {
    return new PartitionReading(offsets, Arrays.stream(topics).map(ModelBroker::name).toList());
  }

  private CompletableFuture<Void> leaveCommands(Set<Integer> partitions) {
    return commandFollower.leave(partitions);
  }

  private void removePredecessor() {
    if (broker.reaches(process, ModelBroker.COORDINATOR)) {
      broker.group.remove(config.workerId());
    }
  }

  private OptionalLong readUpTo(int partition) {
    OptionalLong at = follower.readUpTo(partition);
    if (at.isPresent()) {
      readUpTo.set(process.nanosAt(at.getAsLong()));
    }
    return at;
  }

  /** The worker of the running thread. */
  static SimulatedWorker current() {
    return Machine.current().process().worker;
  }

  private CurrentSandboxes currentSandboxes() {
    return Mutations.active.writesCurrent()
        ? new KafkaCurrentSandboxes(publisher, assignment)
        : CurrentSandboxes.NONE;
  }

  private final class JudgedSink implements EventSink {
    @Override
    public void publish(SandboxEvent event) throws InterruptedException {
      judge.publishing(config.workerId(), event, readUpTo.get());
      publisher.publish(event);
    }

    @Override
    public CompletableFuture<Void> publishAsync(SandboxEvent event) {
      return publisher.publishAsync(event);
    }

    @Override
    public CompletableFuture<Void> publishAsync(
        SandboxEvent event, Fence fence, BooleanSupplier isVain)
        throws FencedException, InterruptedException {
      return publisher.publishAsync(event, fence, isVain);
    }

    @Override
    public void publish(SandboxEvent event, Fence fence)
        throws FencedException, InterruptedException {
      publisher.publish(
          event,
          () -> {
            fence.pass();
            judge.publishing(config.workerId(), event, readUpTo.get());
          });
      judge.published(event);
    }
  }

  /** Recovers and serves, like {@code Worker.start}. */
  void start() throws Exception {
    StartRetry retry = new StartRetry(() -> stopping);
    new Recovery(config, domain, registry, reader, sandboxLog, keys, time).run(retry);
    follower.start();
    domain.engineFollower().start();
    timers.every(config.reaper().interval, domain.reaper()::tick);
    timers.every(PROBE_INTERVAL, () -> handover.removeUnowned(follower.problem() == null));
    timers.every(COMPARISON_INTERVAL, handover::compareOwned);
    timers.every(RECONCILE_INTERVAL, this::reconcile);
    timers.every(COMMANDS_INTERVAL, domain.commands()::tick);
    timers.every(REFILL_INTERVAL, domain.slots()::tick);
    commandFollower.start();
    intake.start();
  }

  private void reconcile() {
    try {
      domain.reconciler().reconcile();
      domain.slots().sweep();
    } catch (EngineException _) {
      // The timer comes again.
    }
  }

  /** Stops like {@code Worker.close}. */
  void stop() throws Exception {
    stopping = true;
    domain.slots().stopMaking();
    intake.close();
    if (config.group().restart == GroupConfig.Restart.PURGE) {
      try {
        Hooks.get(
            domain.reaper().reapAll(Reaped.Reason.SHUTDOWN, _ -> true, List.of()),
            4,
            java.util.concurrent.TimeUnit.SECONDS);
      } catch (TimeoutException | ExecutionException _) {
        // The next start purges the rest.
      }
    }
    commandFollower.close();
    domain.commands().close();
    timers.shutdownNow();
    domain.engineFollower().close();
    follower.close();
    domain.slots().close(Duration.ofSeconds(1));
    lanes.close();
    publisher.close();
  }

  String problem() {
    return "intake %s, %s; commands %s, %s, %s"
        .formatted(
            intake.problem(),
            intake.fatalProblem(),
            commandFollower.problem(),
            commandFollower.fatalProblem(),
            commandFollower.progressProblem());
  }
}
