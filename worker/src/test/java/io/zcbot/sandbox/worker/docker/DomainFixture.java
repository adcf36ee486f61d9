/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.commands.CommandSetup;
import io.zcbot.sandbox.worker.ensure.Domain;
import io.zcbot.sandbox.worker.ensure.EnsureRequest;
import io.zcbot.sandbox.worker.mounts.MountedSlots;
import io.zcbot.sandbox.worker.mounts.WorkspaceMount;
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
import io.zcbot.sandbox.worker.sandbox.Time;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;

/**
 * The worker's own domain over a real engine and real mounts, which take CAP_SYS_ADMIN. What it
 * publishes is a list, and lanes' work is done at once.
 */
public final class DomainFixture {
  private static final Duration PATIENCE = Duration.ofSeconds(120);

  public final List<SandboxEvent> log = new CopyOnWriteArrayList<>();
  public final Map<String, LiveSandbox> live = new ConcurrentHashMap<>();
  private final EngineFixture fixture;
  private final Workspaces workspaces;
  private final WorkspaceMount mount;
  private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
  private final List<Domain> lives = new ArrayList<>();

  /** On an engine that is closed with it. */
  public DomainFixture(EngineFixture fixture, Path root) throws IOException {
    this.fixture = fixture;
    workspaces = Workspaces.open(root).shownBy(fixture.views());
    mount = fixture.mount();
  }

  /** The slots' directories. */
  public SlotMounts mounts() {
    return new MountedSlots(mount, fixture.maps(), fixture.worker);
  }

  /**
   * The worker begins a life.
   *
   * @param warm how many slots it keeps parked, made whenever it is ticked
   */
  public Domain begin(SandboxSpec spec, SlotMounts mounts, int warm) {
    Domain domain =
        Domain.of(
            new Domain.Ports(
                fixture.engine,
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
            fixture.sandboxes(spec),
            new Domain.Settings(
                new Identity(fixture.worker, "host", "unix:///engine"),
                new Reaper.Limits(Duration.ofHours(1), Duration.ofHours(1), null),
                1_000,
                4,
                4,
                10_000),
            new Registry(),
            workspaces,
            new WarmPool.Setup(fixture.sandboxes(spec), mounts, warm, warm, null),
            CommandSetup.NONE);
    lives.add(domain);
    return domain;
  }

  /** Ticks until so many slots are parked. */
  public static void awaitParked(Domain domain, int count) {
    await()
        .atMost(PATIENCE)
        .pollInterval(Duration.ofMillis(20))
        .until(
            () -> {
              domain.slots().tick();
              return domain.slots().idle() >= count;
            });
  }

  /** What a user's ensure is answered. */
  public SandboxEvent ensure(Domain domain, UserId user)
      throws FencedException, InterruptedException {
    long now = System.nanoTime();
    domain
        .ensurer()
        .ensure(
            new EnsureRequest(
                new Ensure(UUID.randomUUID().toString(), user, Instant.now(), null, null),
                0,
                now,
                now + PATIENCE.toNanos(),
                Fence.OPEN));
    return log.getLast();
  }

  /** Ends all lives, then removes their containers, then their mounts. */
  public void close() throws IOException, InterruptedException {
    for (Domain each : lives) {
      each.slots().close(Duration.ofSeconds(30));
    }
    timer.shutdownNow();
    fixture.removeContainers();
    SlotMounts slots = mounts();
    for (String slot : slots.left()) {
      slots.release(slot);
    }
    fixture.close();
  }
}
