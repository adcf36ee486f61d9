/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.FileCalls;
import io.zcbot.sandbox.worker.ensure.Domain;
import io.zcbot.sandbox.worker.mounts.MountedSlots;
import io.zcbot.sandbox.worker.mounts.WorkspaceMount;
import io.zcbot.sandbox.worker.pool.SlotMounts;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The worker's own domain over a real engine and real mounts, which require CAP_SYS_ADMIN. */
public final class DomainFixture {
  public final List<SandboxEvent> log;
  public final Map<String, LiveSandbox> live;
  private final EngineFixture fixture;
  private final DomainInATest domains;
  private final WorkspaceMount mount;
  private final FileCalls files = new FileCalls();
  private final List<Domain> lives = new ArrayList<>();

  /** Uses an engine that is closed with this fixture. */
  public DomainFixture(EngineFixture fixture, Path root) throws IOException {
    this.fixture = fixture;
    domains =
        new DomainInATest(
            fixture.engine,
            fixture.worker,
            Workspaces.open(root).shownBy(fixture.views()).calledBy(files));
    log = domains.log;
    live = domains.live;
    mount = fixture.mount();
  }

  /** The slots' directories. */
  public SlotMounts mounts() {
    return new MountedSlots(mount, fixture.maps(), fixture.worker, files);
  }

  /**
   * The worker begins a life.
   *
   * @param warm how many slots it keeps parked, made whenever it is ticked
   */
  public Domain begin(SandboxSpec spec, SlotMounts mounts, int warm) {
    Domain domain = domains.begin(fixture.sandboxes(spec), mounts, warm);
    lives.add(domain);
    return domain;
  }

  /** Ticks until the given number of slots is parked. */
  public static void awaitParked(Domain domain, int count) {
    await()
        .atMost(DomainInATest.PATIENCE)
        .pollInterval(Duration.ofMillis(20))
        .until(
            () -> {
              domain.slots().tick();
              return domain.slots().idle() >= count;
            });
  }

  /** The answer to a user's ensure. */
  public SandboxEvent ensure(Domain domain, UserId user)
      throws FencedException, InterruptedException {
    return domains.ensure(domain, user);
  }

  /** Ends all workers, then removes their containers, then their mounts. */
  public void close() throws IOException, InterruptedException {
    for (Domain each : lives) {
      each.slots().close(Duration.ofSeconds(30));
    }
    domains.close();
    fixture.removeContainers();
    SlotMounts slots = mounts();
    for (String slot : slots.left()) {
      slots.release(slot);
    }
    fixture.close();
  }
}
