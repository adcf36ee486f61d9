package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.docker.EngineBench;
import io.zcbot.sandbox.worker.docker.EngineBench.Started;
import io.zcbot.sandbox.worker.mounts.MountedSlots;
import io.zcbot.sandbox.worker.mounts.WorkspaceMount;
import io.zcbot.sandbox.worker.sandbox.Domain;
import io.zcbot.sandbox.worker.sandbox.EnsureRequest;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.Identity;
import io.zcbot.sandbox.worker.sandbox.Ledger;
import io.zcbot.sandbox.worker.sandbox.Reaper;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.sandbox.SandboxSpec;
import io.zcbot.sandbox.worker.sandbox.Slots;
import io.zcbot.sandbox.worker.sandbox.Time;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;

/**
 * Sandboxes as strangers get them: of slots that were parked before, by the worker's own domain.
 */
final class ClaimedSandboxes {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final EngineBench bench;
  private final WorkspaceMount mount;
  private final MountedSlots slots;
  private final Workspaces workspaces;
  private final List<SandboxEvent> answers = new CopyOnWriteArrayList<>();
  private final Map<SandboxSpec, Domain> domains = new HashMap<>();
  private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();

  ClaimedSandboxes(EngineBench bench, Path root) throws IOException {
    this.bench = bench;
    workspaces = Workspaces.open(root);
    mount = WorkspaceMount.prepare(workspaces.root());
    assertThat(mount.problem()).as("why there can be no slots").isNull();
    slots = new MountedSlots(mount, bench.worker);
  }

  Started claim(SandboxSpec spec) throws InterruptedException {
    Domain domain = domains.computeIfAbsent(spec, this::domain);
    await()
        .atMost(PATIENCE)
        .pollInterval(Duration.ofMillis(20))
        .until(
            () -> {
              domain.slots().tick();
              return domain.slots().parked() > 0;
            });
    UserId user = EngineBench.user();
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
    SandboxEvent answer = answers.getLast();
    assertThat(answer).isInstanceOf(Ready.class);
    Ready ready = (Ready) answer;
    assertThat(ready.userId()).isEqualTo(user);
    assertThat(ready.outcome()).isEqualTo(Ready.Outcome.CLAIMED);
    return new Started(user, ready.containerId(), Path.of(ready.workspace()));
  }

  /** Slots are made when a claim asks for one, so that no two starts are timed at once. */
  private Domain domain(SandboxSpec spec) {
    return Domain.of(
        new Domain.Ports(
            bench.engine,
            answers::add,
            new Ledger() {
              @Override
              public void open(LiveSandbox sandbox) {}

              @Override
              public void close(UserId user, String containerId) {}
            },
            (_, task) -> {
              task.run();
              return true;
            },
            _ -> OptionalLong.empty(),
            timer,
            Time.system(),
            SandboxMetrics.NONE),
        new Domain.Settings(
            new Identity(bench.worker, "host", "unix:///engine"),
            spec,
            new Reaper.Limits(Duration.ofHours(1), Duration.ofHours(1), null),
            4,
            4,
            10_000),
        new Registry(1_000),
        workspaces,
        new Slots.Setup(bench.engine, slots, 1));
  }

  /** Ends what makes slots; to be called before their containers are removed. */
  void stop() throws InterruptedException {
    for (Domain domain : domains.values()) {
      domain.slots().close(Duration.ofSeconds(30));
    }
    timer.shutdownNow();
  }

  /** Undoes the mounts; to be called after the containers are removed. */
  void unmount() throws IOException {
    for (String slot : slots.left()) {
      slots.release(slot);
    }
    mount.close();
  }
}
