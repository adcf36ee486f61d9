/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.base.DiskSpace;
import io.zcbot.sandbox.worker.config.Durations;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.docker.DockerEngine;
import io.zcbot.sandbox.worker.intake.IntakeMetrics;
import io.zcbot.sandbox.worker.ops.Health;
import io.zcbot.sandbox.worker.ops.Metrics;
import io.zcbot.sandbox.worker.ops.OpsServer;
import io.zcbot.sandbox.worker.ops.ThreadDump;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What a worker shows of itself: metrics, health and a status page. It is open from the beginning
 * of a start, so that readiness can say what the start waits for.
 */
final class Exposure {
  private final WorkerConfig config;
  private final Metrics metrics;
  private final SandboxMetrics sandboxMetrics;
  private final IntakeMetrics intakeMetrics;
  private final Health health = new Health();
  private volatile Supplier<String> warmSlots = () -> "not yet";

  private Exposure(WorkerConfig config) {
    this.config = config;
    this.metrics = new Metrics();
    this.sandboxMetrics =
        metrics.sandboxes(DockerEngine.operations(), config.profilesFile() != null);
    this.intakeMetrics =
        metrics.intake(
            Arrays.stream(Topic.values())
                .filter(Topic::isInput)
                .map(config.kafka()::topic)
                .toList());
  }

  /**
   * Opens the ops server, and shows what is known before the other parts exist.
   *
   * @param startProblem why the worker does not serve yet, or no longer serves; null while it
   *     serves
   * @throws IOException if the ops address can't be used
   */
  static Exposure open(WorkerConfig config, Supplier<@Nullable String> startProblem, Closer closer)
      throws IOException {
    Exposure exposure = new Exposure(config);
    closer.add(exposure.metrics);
    exposure.metrics.bindProcess();
    exposure.metrics.bindInfo(version(), config.workerId(), config.host());
    exposure.metrics.bindHealth(exposure.health);
    Path temporary = Path.of(System.getProperty("java.io.tmpdir"));
    exposure.health.onStandstill(new ThreadDump(temporary, System::nanoTime)::take);
    exposure.health.ready("start", startProblem);
    if (config.ops().address != null) {
      closer
          .add(
              new OpsServer(
                  config.ops().address,
                  config.host(),
                  exposure.health,
                  exposure.metrics,
                  exposure::facts))
          .start();
    }
    return exposure;
  }

  /** Shows from now on how much space there is for workspaces. */
  void showSpace(Workspaces workspaces) {
    health.ready("workspace-space", () -> spaceProblem(workspaces));
    metrics.bindSpace(() -> space(workspaces));
  }

  private static @Nullable String spaceProblem(Workspaces workspaces) {
    DiskSpace space = space(workspaces);
    return space == null ? null : space.problem(workspaces.root());
  }

  /** Null if it can't be measured: the check of the workspaces says why. */
  private static @Nullable DiskSpace space(Workspaces workspaces) {
    try {
      return workspaces.space();
    } catch (IOException _) {
      return null;
    }
  }

  /** Shows the state of the parts from now on. Called once, when they exist. */
  void show(Host host, Parts parts) {
    metrics.bindSandboxes(parts.registry::size, config.capacity().maxSandboxes);
    metrics.bindSlots(parts.domain.slots()::idle, parts.domain.slots()::target);
    metrics.bindLanes(parts.lanes::active);
    metrics.bindOpenRecords(parts.intake::inFlightByPartition);
    metrics.bindOverdue(parts.intake::overdueByPartition);
    metrics.bindLag(config.kafka().topic(Topic.ENSURE), parts.intake::lagByPartition);
    metrics.bindWatermarkAge(parts.follower::ageByPartition);
    metrics.bindCommands(parts.domain.commands()::active);
    metrics.bindOpenExecs(parts.commandFollower::inFlightByPartition);
    metrics.bindExecLag(parts.commandFollower::lagByPartition);
    Supplier<@Nullable String> activity = parts.follower::problem;
    health.live("activity-follower", parts.follower::fatalProblem);
    health.live("command-follower", parts.commandFollower::fatalProblem);
    health.live("ensure-intake", parts.intake::fatalProblem);
    health.ready("engine", parts.timers::engineProblem);
    health.ready("engine-events", parts.domain.engineFollower()::problem);
    health.ready(
        "firewall", host.sandboxes().sandboxes(config.profiles().usual())::firewallProblem);
    if (config.profilesFile() != null) {
      metrics.bindProfiles(parts::ofProfiles);
      health.warning("profiles", parts.profileReload::problem);
      health.warning("profile-firewalls", () -> host.sandboxes().firewallProblem(config.spec()));
    }
    health.ready("kafka-activity", () -> either(activity.get(), parts.follower.unreached()));
    // A poll returns nothing while brokers are away, as when idle; only the activity follower asks
    // them.
    health.ready("kafka-ensures", () -> either(parts.intake.problem(), activity.get()));
    health.progress("ensures-overdue", parts.intake::progressProblem);
    health.ready("kafka-commands", () -> either(parts.commandFollower.problem(), activity.get()));
    health.progress("execs-overdue", parts.commandFollower::progressProblem);
    health.ready(
        "kafka-takeover",
        () -> either(parts.takeoverRetry.problem(), parts.commandTakeoverRetry.problem()));
    health.ready("kafka-publish", () -> either(parts.publisher.problem(), activity.get()));
    health.warning("partitions", parts.partitionWatch::problem);
    health.warning("brokers", host.kafka().fetchSize()::problem);
    if (config.capacity().warm.least() > 0 || config.profilesFile() != null) {
      health.warning("warm-slots", parts.domain.slots()::problem);
    }
    warmSlots = parts.domain.slots()::status;
  }

  Metrics metrics() {
    return metrics;
  }

  SandboxMetrics sandboxMetrics() {
    return sandboxMetrics;
  }

  IntakeMetrics intakeMetrics() {
    return intakeMetrics;
  }

  Health health() {
    return health;
  }

  private Map<String, String> facts() {
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("worker", config.workerId());
    facts.put("host", config.host());
    facts.put("version", version());
    facts.put("image", config.spec().image());
    facts.put("idle TTL", Durations.shown(config.reaper().idleTtl));
    facts.put("warm slots", warmSlots.get());
    URI consoleUrl = config.ops().console.url;
    if (consoleUrl != null) {
      facts.put("console", consoleUrl.toString());
    }
    return facts;
  }

  private static @Nullable String either(@Nullable String one, @Nullable String other) {
    return one != null ? one : other;
  }

  private static String version() {
    String version = Worker.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }
}
