/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import io.opentelemetry.api.OpenTelemetry;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.commands.CommandLimits;
import io.zcbot.sandbox.worker.commands.CommandSetup;
import io.zcbot.sandbox.worker.commands.CommandTable;
import io.zcbot.sandbox.worker.config.CapacityConfig;
import io.zcbot.sandbox.worker.config.CommandsConfig;
import io.zcbot.sandbox.worker.config.GroupConfig;
import io.zcbot.sandbox.worker.config.WorkerConfig;
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
import io.zcbot.sandbox.worker.kafka.AdminOffsets;
import io.zcbot.sandbox.worker.kafka.CommandTableReader;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.kafka.LogReader;
import io.zcbot.sandbox.worker.lanes.Lanes;
import io.zcbot.sandbox.worker.ops.Metrics;
import io.zcbot.sandbox.worker.pool.WarmPool;
import io.zcbot.sandbox.worker.publish.KafkaCommandTable;
import io.zcbot.sandbox.worker.publish.KafkaCurrentSandboxes;
import io.zcbot.sandbox.worker.publish.KafkaSandboxLog;
import io.zcbot.sandbox.worker.publish.Publisher;
import io.zcbot.sandbox.worker.publish.StartRetry;
import io.zcbot.sandbox.worker.reap.LogComparison;
import io.zcbot.sandbox.worker.reap.Reaper;
import io.zcbot.sandbox.worker.reply.ReplyCopies;
import io.zcbot.sandbox.worker.sandbox.Identity;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.SandboxLog;
import io.zcbot.sandbox.worker.spec.Profile;
import io.zcbot.sandbox.worker.spec.Profiles;
import io.zcbot.sandbox.worker.startup.PartitionWatch;
import io.zcbot.sandbox.worker.startup.PastArrivals;
import io.zcbot.sandbox.worker.trace.Tracing;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;

/** The parts of a worker, wired with each other. This class starts none of them. */
final class Parts {
  private static final int MOST_RECORDS_OF_A_POLL = 500;

  final Time time = Time.system();
  final Registry registry = new Registry();
  final Timers timers = new Timers(Worker.PROBE_INTERVAL);
  final KeyPartitions keyPartitions;
  final Publisher publisher;
  final LogReader reader;
  final LogReader requestReader;
  final SandboxLog sandboxLog;
  final AdminOffsets offsets;
  final Lanes lanes;
  final Assignment assignment;
  final ActivityFollower follower;
  final Domain domain;
  final StartRetry takeoverRetry;
  final PartitionWatch partitionWatch;
  final PartitionHandover handover;
  final EnsureIntake intake;
  final StartRetry commandTakeoverRetry;
  final CommandFollower commandFollower;
  final PastArrivals pastArrivals;
  final AtomicReference<Profiles> profiles;
  final ProfileReload profileReload;

  private final WorkerConfig config;
  private final Host host;
  private final Exposure exposure;
  private final OpenTelemetry openTelemetry;

  /** Wires the parts, and adds to the closer what must be closed even if it never runs. */
  Parts(
      WorkerConfig config,
      Host host,
      Exposure exposure,
      OpenTelemetry openTelemetry,
      RunState state,
      Closer closer) {
    this.config = config;
    this.host = host;
    this.exposure = exposure;
    this.openTelemetry = openTelemetry;
    profiles = new AtomicReference<>(config.profiles());
    keyPartitions = new KeyPartitions(host.partitions());
    publisher =
        closer.add(
            new Publisher(
                exposure.metrics().measured(host.kafka().producer()),
                keyPartitions,
                config.kafka().topicPrefix(),
                "/zcbot/sandbox/" + config.workerId(),
                config.kafka().groupId(),
                config.capacity().maxSandboxes,
                closer.add(
                    new ReplyCopies(
                        host.kafka()::replyProducer,
                        host.kafka()::admin,
                        time,
                        exposure.metrics().replies()))));
    reader = new LogReader(() -> host.kafka().freeConsumer("log"));
    requestReader = new LogReader(() -> host.kafka().freeRequestConsumer("log"));
    sandboxLog =
        new KafkaSandboxLog(
            reader, config.kafka().topicPrefix(), keyPartitions, KafkaSandboxLog.MAX_BYTES);
    offsets = closer.add(new AdminOffsets(host.kafka()::admin));
    lanes = closer.add(new Lanes(config.ops().stopShare(12)));
    assignment =
        new Assignment(
            config.kafka().topic(Topic.ENSURE),
            host.partitions(),
            GroupConfig.MAX_OPEN_RECORDS,
            time);
    follower = follower();
    domain = domain();
    partitionWatch =
        new PartitionWatch(host.kafka(), config.kafka(), host.partitions(), state::unfit);
    takeoverRetry = new StartRetry(state::isStopping);
    EagerEnsures eager =
        new EagerEnsures(
            publisher,
            timers.executor(),
            config.group().handover,
            config.workerId(),
            profiles::get,
            time);
    handover =
        new PartitionHandover(
            new PartitionRelease(
                domain.reaper(),
                domain.takeover(),
                lanes,
                keyPartitions,
                eager,
                config.group().restart,
                state::isStopping),
            domain.takeover(),
            new LogReading(
                new LogComparison(registry, sandboxLog, time, config.workerId()),
                reading(Topic.LIVE, Topic.READY, Topic.REAPED),
                takeoverRetry),
            eager,
            state::isStopping,
            this::leaveCommands);
    intake = intake();
    commandTakeoverRetry = new StartRetry(state::isStopping);
    commandFollower = commandFollower();
    pastArrivals =
        new PastArrivals(config, reader, assignment::numbers, domain.slots()::remember, time);
    profileReload = new ProfileReload(config, host, profiles, registry, domain.slots());
  }

  private ActivityFollower follower() {
    return new ActivityFollower(
        exposure.metrics().eachMeasured(() -> host.kafka().freeRequestConsumer("activity")),
        offsets,
        number -> assignment.of(number).isKept(),
        new ActivityFollower.Settings(
            config.kafka().topic(Topic.ACTIVITY),
            host.partitions(),
            () -> registry.longestIdleTtl(profiles.get().longestIdleTtl()),
            Collections.min(List.of(Duration.ofSeconds(1), config.reaper().interval))),
        (user, at) -> registry.touch(user, at, Reaped.Use.ACTIVITY),
        publisher,
        time,
        exposure.intakeMetrics());
  }

  private Domain domain() {
    return Domain.of(
        new Domain.Ports(
            host.engine(),
            publisher,
            publisher,
            new KafkaCurrentSandboxes(publisher, assignment),
            lanes::submit,
            follower,
            timers.executor(),
            time,
            exposure.sandboxMetrics()),
        profiles::get,
        new Domain.Settings(
            new Identity(config.workerId(), config.host(), config.engineAddress()),
            new Reaper.Limits(
                config.reaper().evictAfter, config.reaper().notice, config.reaper().busyCpu),
            config.capacity().maxSandboxes,
            config.capacity().createConcurrency,
            CapacityConfig.MAX_REAPS,
            config.capacity().newUsersPerMinute),
        registry,
        host.workspaces(),
        new WarmPool.Setup(
            host.sandboxes(), host.slots(), host.facts().slotRoom(config.capacity().maxSandboxes)),
        commandSetup());
  }

  private CommandSetup commandSetup() {
    CommandTable table =
        new KafkaCommandTable(
            publisher, keyPartitions, config.kafka().topicPrefix(), timers.executor());
    CommandsConfig settings = config.commands();
    if (settings.mode == CommandsConfig.Mode.OFF) {
      return CommandSetup.off("commands are switched off on this host (ZCBOT_COMMANDS)", table);
    }
    return new CommandSetup(
        host.engine().commands(config.spec(), settings.mode == CommandsConfig.Mode.ENGINE),
        table,
        CommandLimits.DEFAULT.with(settings.perSandbox, settings.maxTimeout));
  }

  private CommandFollower commandFollower() {
    return new CommandFollower(
        new CommandFollower.Consumers(
            exposure
                .metrics()
                .eachMeasured(
                    () ->
                        host.kafka()
                            .committingConsumer("commands", config.kafka().commandsGroupId())),
            () -> host.kafka().oneOfManyRequestConsumers("input"),
            offsets),
        new CommandFollower.Owned(
            assignment,
            new CommandTableReading(
                new CommandTableReader(reader, config.kafka().topicPrefix(), keyPartitions),
                reading(Topic.COMMANDS, Topic.EXEC),
                commandTakeoverRetry)),
        new CommandFollower.Settings(
            new CommandFollower.Topics(
                config.kafka().topic(Topic.EXEC),
                config.kafka().topic(Topic.INPUT),
                config.kafka().topic(Topic.RELEASE)),
            host.partitions(),
            config.group().ensureExpiry,
            GroupConfig.MAX_OPEN_RECORDS,
            Tracing.of(openTelemetry, config.kafka().commandsGroupId())),
        lanes::submit,
        domain.commands(),
        publisher,
        time,
        exposure.intakeMetrics());
  }

  private PartitionReading reading(Topic... topics) {
    return new PartitionReading(offsets, Arrays.stream(topics).map(config.kafka()::topic).toList());
  }

  private CompletableFuture<Void> leaveCommands(Set<Integer> partitions) {
    return commandFollower.leave(partitions);
  }

  private EnsureIntake intake() {
    int most = Math.min(MOST_RECORDS_OF_A_POLL, GroupConfig.MAX_OPEN_RECORDS);
    return new EnsureIntake(
        new EnsureIntake.Group(
            exposure
                .metrics()
                .eachMeasured(() -> host.kafka().groupConsumer(most, config.workerId())),
            assignment,
            handover,
            host.membership()::removePredecessor),
        new EnsureIntake.Settings(
            host.partitions(),
            config.group().ensureExpiry,
            config.group().revokeTimeout,
            config.group().restart == GroupConfig.Restart.PURGE,
            config.ops().stopShare(2),
            Tracing.of(openTelemetry, config.kafka().groupId())),
        lanes::submit,
        domain.ensurer()::ensure,
        publisher,
        time,
        exposure.intakeMetrics());
  }

  /** What there is of each profile, also of those that only running sandboxes have. */
  Map<String, Metrics.OfProfile> ofProfiles() {
    Map<String, Integer> running = new HashMap<>();
    registry.all().forEach(sandbox -> running.merge(sandbox.profile().name(), 1, Integer::sum));
    Map<String, Metrics.OfProfile> all = new HashMap<>();
    running.forEach((name, count) -> all.put(name, new Metrics.OfProfile(count, 0, 0)));
    for (Profile each : profiles.get().all()) {
      all.put(
          each.name(),
          new Metrics.OfProfile(
              running.getOrDefault(each.name(), 0),
              domain.slots().idle(each),
              domain.slots().target(each)));
    }
    return all;
  }
}
