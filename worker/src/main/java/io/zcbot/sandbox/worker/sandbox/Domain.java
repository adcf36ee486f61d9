/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.util.concurrent.ScheduledExecutorService;

/** The domain's parts, wired together over its ports. */
public record Domain(
    Registry registry,
    Capacity capacity,
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
      LiveSandboxTable liveTable,
      UserLanes lanes,
      LowWatermark lowWatermark,
      ScheduledExecutorService scheduler,
      Time time,
      SandboxMetrics metrics) {}

  /**
   * How it is to work.
   *
   * @param maxSandboxes most sandboxes and slots on the host
   * @param createConcurrency most creates at once
   * @param reapConcurrency most reaps at once
   * @param newUsersPerMinute most sandboxes a minute for users not served within the idle TTL
   */
  public record Settings(
      Identity identity,
      SandboxSpec spec,
      Reaper.Limits limits,
      int maxSandboxes,
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
    Engine engine = ports.engine();
    Identity identity = settings.identity();
    String workerId = identity.workerId();
    SandboxSpec spec = settings.spec();
    Time time = ports.time();
    Capacity capacity = new Capacity(settings.maxSandboxes());
    CreateTurns turns = new CreateTurns(settings.createConcurrency());
    WarmPool slots = new WarmPool(engine, warm, capacity, turns, spec, workerId, time);
    Announcer announcer =
        new Announcer(ports.sink(), ports.liveTable(), identity, time, ports.metrics());
    Termination termination =
        new Termination(engine, announcer, registry, slots::release, settings.reapConcurrency());
    LaneSteps steps = new LaneSteps(ports.lanes());
    Reaper reaper =
        new Reaper(
            engine,
            registry,
            capacity,
            termination,
            steps,
            ports.lowWatermark(),
            settings.limits(),
            time);
    NewUsers newUsers =
        new NewUsers(settings.newUsersPerMinute(), settings.limits().idleTtl(), time);
    Admission admission = new Admission(newUsers, capacity, slots, reaper, turns, time);
    Attempt attempt =
        new Attempt(
            new UserContainers(engine, spec, workerId, workspaces, time),
            registry,
            workspaces,
            admission,
            new Claims(slots, engine, warm.engine(), spec, workerId, time, ports.metrics()),
            termination,
            spec.hash(),
            workerId);
    Ensurer ensurer =
        new Ensurer(
            attempt,
            announcer,
            new Answers(identity, spec, settings.limits().idleTtl(), time),
            admission,
            termination,
            time,
            ports.metrics());
    Reconciler reconciler =
        new Reconciler(engine, registry, termination, slots, steps, workerId, time);
    PreviousRun previousRun =
        new PreviousRun(
            engine,
            registry,
            capacity,
            new Purge(engine, termination, workerId),
            workerId,
            spec,
            workspaces,
            time);
    EngineFollower follower = new EngineFollower(engine, reconciler, ports.scheduler(), time);
    Takeover takeover = new Takeover(registry, announcer, termination, steps);
    return new Domain(
        registry, capacity, ensurer, reaper, reconciler, previousRun, takeover, slots, follower);
  }
}
