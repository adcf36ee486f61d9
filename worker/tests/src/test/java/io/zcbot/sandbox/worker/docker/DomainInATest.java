/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Deadline;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.commands.CommandSetup;
import io.zcbot.sandbox.worker.engine.ProfileEngines;
import io.zcbot.sandbox.worker.ensure.Domain;
import io.zcbot.sandbox.worker.ensure.EnsureRequest;
import io.zcbot.sandbox.worker.pool.SlotMounts;
import io.zcbot.sandbox.worker.pool.WarmPool;
import io.zcbot.sandbox.worker.reap.Reaper;
import io.zcbot.sandbox.worker.sandbox.CurrentSandboxes;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.Identity;
import io.zcbot.sandbox.worker.sandbox.LiveSandboxTable;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.spec.IdleTtls;
import io.zcbot.sandbox.worker.spec.Profile;
import io.zcbot.sandbox.worker.spec.Profiles;
import io.zcbot.sandbox.worker.spec.Warm;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;

/**
 * The worker's own domain over the adapter. Published events are kept in a list, and the lanes'
 * tasks run at once.
 */
final class DomainInATest implements AutoCloseable {
  static final Duration PATIENCE = Duration.ofSeconds(120);

  final List<SandboxEvent> log = new CopyOnWriteArrayList<>();
  final Map<String, LiveSandbox> live = new ConcurrentHashMap<>();
  private final DockerEngine engine;
  private final String worker;
  private final Workspaces workspaces;
  private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();

  /** Uses an engine that the caller closes. */
  DomainInATest(DockerEngine engine, String worker, Workspaces workspaces) {
    this.engine = engine;
    this.worker = worker;
    this.workspaces = workspaces;
  }

  /**
   * The worker begins a life.
   *
   * @param warm how many slots it keeps parked, made whenever it is ticked
   */
  Domain begin(DockerSandboxes sandboxes, SlotMounts mounts, int warm) {
    Profile profile =
        new Profile(
            ProfileName.DEFAULT,
            sandboxes.spec(),
            IdleTtls.always(Duration.ofHours(1)),
            null,
            new Warm(warm, warm),
            Map.of());
    return Domain.of(
        new Domain.Ports(
            engine,
            log::add,
            new LiveSandboxTable() {
              @Override
              public void open(LiveSandbox sandbox) {
                live.put(sandbox.containerId(), sandbox);
              }

              @Override
              public void close(UserId user, String containerId) {
                live.remove(containerId);
              }
            },
            CurrentSandboxes.NONE,
            (_, task) -> {
              task.run();
              return true;
            },
            _ -> OptionalLong.empty(),
            timer,
            Time.system(),
            SandboxMetrics.NONE),
        () -> Profiles.only(profile),
        new Domain.Settings(
            new Identity(worker, "host", "unix:///engine"),
            new Reaper.Limits(Duration.ofHours(1), null, null),
            1_000,
            4,
            4,
            10_000),
        new Registry(),
        workspaces,
        new WarmPool.Setup(ProfileEngines.always(sandboxes, sandboxes), mounts, () -> Warm.MOST),
        CommandSetup.NONE);
  }

  /** The answer to a user's ensure. */
  SandboxEvent ensure(Domain domain, UserId user) throws FencedException, InterruptedException {
    domain
        .ensurer()
        .ensure(
            new EnsureRequest(
                new Ensure(UUID.randomUUID().toString(), user, Instant.now(), null, null),
                0,
                System.nanoTime(),
                Deadline.in(PATIENCE, Time.system()),
                Fence.OPEN));
    return log.getLast();
  }

  @Override
  public void close() {
    timer.shutdownNow();
  }
}
