/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.commands.CommandPorts;
import io.zcbot.sandbox.worker.commands.CommandQueues;
import io.zcbot.sandbox.worker.commands.CommandSetup;
import io.zcbot.sandbox.worker.commands.Commands;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.ProfileEngines;
import io.zcbot.sandbox.worker.pool.WarmPool;
import io.zcbot.sandbox.worker.reap.EngineFollower;
import io.zcbot.sandbox.worker.reap.Eviction;
import io.zcbot.sandbox.worker.reap.HiddenUse;
import io.zcbot.sandbox.worker.reap.LowWatermark;
import io.zcbot.sandbox.worker.reap.PreviousRun;
import io.zcbot.sandbox.worker.reap.Reaper;
import io.zcbot.sandbox.worker.reap.Reconciler;
import io.zcbot.sandbox.worker.reap.Takeover;
import io.zcbot.sandbox.worker.reap.Termination;
import io.zcbot.sandbox.worker.sandbox.Announcer;
import io.zcbot.sandbox.worker.sandbox.Capacity;
import io.zcbot.sandbox.worker.sandbox.CreateTurns;
import io.zcbot.sandbox.worker.sandbox.CurrentSandboxes;
import io.zcbot.sandbox.worker.sandbox.EventSink;
import io.zcbot.sandbox.worker.sandbox.Identity;
import io.zcbot.sandbox.worker.sandbox.LiveSandboxTable;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.sandbox.UserLanes;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.spec.IdleTtls;
import io.zcbot.sandbox.worker.spec.Profiles;
import java.util.concurrent.ScheduledExecutorService;
import java.util.function.Supplier;

/** The parts of the domain, wired together over its ports. Built once, at start. */
public record Domain(
    Capacity capacity,
    Ensurer ensurer,
    Reaper reaper,
    Reconciler reconciler,
    PreviousRun previousRun,
    Takeover takeover,
    WarmPool slots,
    EngineFollower engineFollower,
    Commands commands) {

  /** The ports to the outside. */
  public record Ports(
      Engine engine,
      EventSink sink,
      LiveSandboxTable liveTable,
      CurrentSandboxes current,
      UserLanes lanes,
      LowWatermark lowWatermark,
      ScheduledExecutorService scheduler,
      Time time,
      SandboxMetrics metrics) {}

  /**
   * The settings of the domain.
   *
   * @param maxSandboxes most sandboxes and slots on the host
   * @param createConcurrency most concurrent creates
   * @param reapConcurrency most concurrent reaps
   * @param newUsersPerMinute most sandboxes a minute for users not served within the idle TTL
   */
  public record Settings(
      Identity identity,
      Reaper.Limits limits,
      int maxSandboxes,
      int createConcurrency,
      int reapConcurrency,
      int newUsersPerMinute) {}

  /**
   * Wires the parts; starts nothing.
   *
   * @param profiles those that users may ask for now
   */
  public static Domain of(
      Ports ports,
      Supplier<Profiles> profiles,
      Settings settings,
      Registry registry,
      Workspaces workspaces,
      WarmPool.Setup warm,
      CommandSetup commandSetup) {
    Engine engine = ports.engine();
    ProfileEngines engines = warm.engines();
    Identity identity = settings.identity();
    Time time = ports.time();
    IdleTtls idleTtls = profiles.get().usual().idleTtls();
    Capacity capacity = new Capacity(settings.maxSandboxes());
    CreateTurns turns = new CreateTurns(settings.createConcurrency());
    WarmPool slots =
        new WarmPool(engine, profiles.get(), warm, capacity, turns, time, ports.metrics());
    NewUsers newUsers = new NewUsers(settings.newUsersPerMinute(), idleTtls.usual(), time);
    Announcer announcer =
        new Announcer(
            ports.sink(),
            ports.liveTable(),
            ports.current(),
            identity,
            time,
            ports.metrics(),
            newUsers::served);
    CommandQueues queues = new CommandQueues(commandSetup, time);
    Termination termination =
        new Termination(
            engine, announcer, registry, queues, slots::release, settings.reapConcurrency());
    Reaper reaper =
        new Reaper(
            registry,
            termination,
            announcer,
            engines,
            ports.lanes(),
            new HiddenUse(engine, queues, settings.limits().busyShare(), time),
            ports.lowWatermark(),
            settings.limits(),
            time);
    Eviction eviction = new Eviction(reaper, registry, capacity, queues, time);
    Admission admission = new Admission(newUsers, capacity, slots, eviction, turns, time);
    Attempt attempt =
        new Attempt(
            new UserContainers(engine, engines, workspaces, time),
            registry,
            workspaces,
            admission,
            slots,
            termination);
    Ensurer ensurer =
        new Ensurer(
            new ProfileChoice(profiles, registry, queues),
            attempt,
            announcer,
            new Answers(identity, time),
            admission,
            termination,
            time,
            ports.metrics());
    Reconciler reconciler =
        new Reconciler(engine, registry, termination, slots, ports.lanes(), time);
    PreviousRun previousRun =
        new PreviousRun(
            engine, engines, profiles, registry, capacity, termination, workspaces, time);
    EngineFollower follower = new EngineFollower(engine, reconciler, ports.scheduler(), time);
    Takeover takeover = new Takeover(registry, announcer, termination, ports.lanes());
    Commands commands =
        new Commands(
            queues,
            new ExecSandboxes(ensurer, time, ports.metrics()),
            new CommandPorts(
                engine,
                ports.sink(),
                registry,
                termination,
                ports.lanes(),
                identity,
                time,
                ports.metrics()));
    return new Domain(
        capacity, ensurer, reaper, reconciler, previousRun, takeover, slots, follower, commands);
  }
}
