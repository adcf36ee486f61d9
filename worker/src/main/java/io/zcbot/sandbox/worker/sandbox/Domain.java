/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.Semaphore;

/** The domain's parts, wired together over its ports. */
public record Domain(
    Registry registry,
    Ensurer ensurer,
    Reaper reaper,
    Reconciler reconciler,
    PreviousRun previousRun,
    Takeover takeover,
    WarmPool slots,
    EngineFollower engineFollower) {

  /** What the domain needs of the outside. */
  public record Ports(
      Engine engine,
      EventSink sink,
      LiveSandboxTable ledger,
      UserLanes lanes,
      LowWatermark horizon,
      ScheduledExecutorService scheduler,
      Time time,
      SandboxMetrics metrics) {}

  /**
   * How it is to work.
   *
   * @param createConcurrency most creates at once
   * @param reapConcurrency most reaps at once
   * @param newUsersPerMinute most sandboxes a minute for users not served within the idle TTL
   */
  public record Settings(
      Identity identity,
      SandboxSpec spec,
      Reaper.Limits limits,
      int createConcurrency,
      int reapConcurrency,
      int newUsersPerMinute) {}

  /** Wires the parts, without warm slots; starts nothing. */
  public static Domain of(
      Ports ports, Settings settings, Registry registry, Workspaces workspaces) {
    return of(ports, settings, registry, workspaces, WarmPool.Setup.NONE);
  }

  /** Wires the parts; starts nothing. */
  public static Domain of(
      Ports ports,
      Settings settings,
      Registry registry,
      Workspaces workspaces,
      WarmPool.Setup warm) {
    Semaphore creates = new Semaphore(settings.createConcurrency(), true);
    WarmPool slots =
        new WarmPool(
            ports.engine(),
            warm,
            registry,
            creates,
            settings.spec(),
            settings.identity(),
            ports.time());
    Announcer announcer =
        new Announcer(
            ports.sink(), ports.ledger(), settings.identity(), ports.time(), ports.metrics());
    Termination termination =
        new Termination(
            ports.engine(), announcer, registry, slots::release, settings.reapConcurrency());
    LaneSteps steps = new LaneSteps(ports.lanes());
    Reaper reaper =
        new Reaper(
            ports.engine(),
            registry,
            termination,
            steps,
            ports.horizon(),
            settings.limits(),
            settings.identity(),
            ports.time());
    Claims claims =
        new Claims(
            slots,
            ports.engine(),
            warm.engine(),
            settings.spec(),
            settings.identity(),
            ports.time(),
            ports.metrics());
    Ensurer ensurer =
        new Ensurer(
            ports.engine(),
            announcer,
            registry,
            termination,
            reaper,
            new NewUsers(settings.newUsersPerMinute(), settings.limits().idleTtl(), ports.time()),
            slots,
            claims,
            workspaces,
            settings.spec(),
            settings.identity(),
            ports.time(),
            ports.metrics(),
            creates);
    Reconciler reconciler =
        new Reconciler(
            ports.engine(),
            registry,
            termination,
            slots,
            steps,
            settings.identity().workerId(),
            ports.time());
    PreviousRun previousRun =
        new PreviousRun(
            ports.engine(),
            registry,
            new Purge(ports.engine(), termination, settings.identity().workerId()),
            settings.identity(),
            settings.spec(),
            workspaces,
            ports.time());
    EngineFollower follower =
        new EngineFollower(ports.engine(), reconciler, ports.scheduler(), ports.time());
    Takeover takeover = new Takeover(registry, announcer, termination, steps);
    return new Domain(
        registry, ensurer, reaper, reconciler, previousRun, takeover, slots, follower);
  }
}
