/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit;

import io.zcbot.sandbox.events.CurrentSandbox;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.Expiring;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Network;
import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Deadline;
import io.zcbot.sandbox.worker.base.DiskSpace;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.commands.CommandLimits;
import io.zcbot.sandbox.worker.commands.CommandSetup;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.ProfileEngines;
import io.zcbot.sandbox.worker.ensure.Domain;
import io.zcbot.sandbox.worker.ensure.EnsureRequest;
import io.zcbot.sandbox.worker.pool.WarmPool;
import io.zcbot.sandbox.worker.reap.LogComparison;
import io.zcbot.sandbox.worker.reap.Reaper;
import io.zcbot.sandbox.worker.sandbox.CurrentSandboxes;
import io.zcbot.sandbox.worker.sandbox.EventSink;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.Identity;
import io.zcbot.sandbox.worker.sandbox.LiveSandboxTable;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.RequestContext;
import io.zcbot.sandbox.worker.sandbox.SandboxLog;
import io.zcbot.sandbox.worker.sandbox.WorkspaceQuota;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.IdleTtls;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.Profile;
import io.zcbot.sandbox.worker.spec.Profiles;
import io.zcbot.sandbox.worker.spec.ResourceLimits;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.spec.Warm;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Queue;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The domain over a fake engine, a fake clock, a log in a list, and lanes whose tasks run when the
 * test runs them.
 */
public final class World {
  public static final Duration TTL = Duration.ofSeconds(300);
  public static final Duration EVICT_AFTER = Duration.ofSeconds(60);
  public static final SandboxSpec SPEC =
      new SandboxSpec(
          "image",
          null,
          new ResourceLimits(1 << 30, 1.0, 256, 1 << 20, null, null),
          "network",
          NetworkPolicy.DEFAULT);

  /** The profile of a worker with the usual limits. */
  public static final Profile PROFILE = new Limits(TTL, EVICT_AFTER, null).profile(new Warm(0, 0));

  /** The profile of a worker with the usual limits and so many warm slots. */
  public static Profile profile(Warm warm) {
    return new Limits(TTL, EVICT_AFTER, null).profile(warm);
  }

  public static final Identity ME = new Identity("me", "host", "unix:///engine");
  private static final ScheduledExecutorService TIMER =
      Executors.newSingleThreadScheduledExecutor(Thread.ofVirtual().factory());

  public final FakeEngine engine = new FakeEngine(SPEC, ME.workerId());
  public final FakeCommandEngine commandEngine = new FakeCommandEngine(engine);
  public final FakeCommandTable commandTable = new FakeCommandTable(this::isCrashed);
  public final RecordedMetrics metrics = new RecordedMetrics();
  public final FakeMounts mounts = new FakeMounts(engine.faults::crashed);
  public final Map<String, LiveSandbox> live = new ConcurrentHashMap<>();
  private final LiveSandboxTable liveTable = new LiveTable();
  private final Time time =
      new Time() {
        @Override
        public long nanos() {
          return now;
        }

        @Override
        public Instant now() {
          return Instant.EPOCH.plusNanos(now).plus(slept);
        }
      };
  public final List<SandboxEvent> log = Collections.synchronizedList(new ArrayList<>());
  private final Map<UserId, Queue<Runnable>> lanes =
      Collections.synchronizedMap(new LinkedHashMap<>());
  private final Workspaces workspaces;
  private final int capacity;
  private final int newUsersPerMinute;

  /** The limits for reaping of workers that are started from now on. */
  public Limits limits;

  private final int warm;
  private final int mostWarm;
  public volatile long now = 1_000_000_000L;

  /** For how long the machine slept: its wall clock went on, its monotonic clock stood still. */
  public volatile Duration slept = Duration.ZERO;

  public @Nullable Long lowWatermark = now;

  /** The outcome of the next publication. */
  public enum Publishing {
    WORKS,
    CRASHES_BEFORE,
    CRASHES_AFTER
  }

  public Publishing publishing = Publishing.WORKS;

  /** Which events the log does not acknowledge until it is released. */
  public volatile Predicate<SandboxEvent> heldUp = _ -> false;

  /** Events that fail when they are handed over for the first time. */
  public volatile Predicate<SandboxEvent> failsOnce = _ -> false;

  /** Runs once the first try of a fenced event failed; null if it works. */
  public volatile @Nullable Runnable firstTryFailed;

  /** Whether the lanes accept nothing more. */
  public volatile boolean isStopping;

  private record Held(SandboxEvent event, CompletableFuture<Void> acknowledged) {}

  private final List<Held> held = new ArrayList<>();

  /** Which events the log never takes. */
  public Predicate<SandboxEvent> refuses = _ -> false;

  public WorkspaceQuota quota = WorkspaceQuota.NONE;

  /** Measures the file system of the workspaces. */
  public DiskSpace.Measure space = DiskSpace.Measure.NONE;

  /** What sandboxes may reach, from the next ensure on. */
  public volatile Egress egress = SPEC.policy().egress();

  public volatile boolean crashed;
  public Domain domain;
  public Registry registry;
  private int ensures;

  /**
   * When sandboxes end.
   *
   * @param maxLifetime null for never
   * @param notice null for none
   * @param busyShare null if processes are no use
   */
  public record Limits(
      IdleTtls idleTtls,
      Duration evictAfter,
      @Nullable Duration maxLifetime,
      @Nullable Duration notice,
      @Nullable Double busyShare) {
    /** Limits with one idle TTL for all, without notice, and with processes not counted as use. */
    public Limits(Duration idleTtl, Duration evictAfter, @Nullable Duration maxLifetime) {
      this(IdleTtls.always(idleTtl), evictAfter, maxLifetime, null, null);
    }

    private Profile profile(Warm warm) {
      return new Profile(ProfileName.DEFAULT, SPEC, idleTtls, maxLifetime, warm, Map.of());
    }
  }

  public World(Path root, int capacity, @Nullable Duration maxLifetime) throws java.io.IOException {
    this(root, capacity, maxLifetime, 1_000_000, 0);
  }

  public World(Path root, int capacity, @Nullable Duration maxLifetime, int newUsersPerMinute)
      throws java.io.IOException {
    this(root, capacity, maxLifetime, newUsersPerMinute, 0);
  }

  /** A worker with warm slots, which are made when {@link #warmUp} is called. */
  public World(
      Path root, int capacity, @Nullable Duration maxLifetime, int newUsersPerMinute, int warm)
      throws java.io.IOException {
    this(root, new Limits(TTL, EVICT_AFTER, maxLifetime), capacity, newUsersPerMinute, warm);
  }

  /** A worker with other limits for reaping. */
  public World(Path root, Limits limits, int capacity) throws java.io.IOException {
    this(root, limits, capacity, 1_000_000, 0);
  }

  /** A worker with all settings chosen. */
  public World(Path root, Limits limits, int capacity, int newUsersPerMinute, int warm)
      throws java.io.IOException {
    this(root, limits, capacity, newUsersPerMinute, warm, warm);
  }

  /** A worker whose number of warm slots depends on demand. */
  public static World ofDemand(Path root, int capacity, int leastWarm, int mostWarm)
      throws java.io.IOException {
    Limits limits = new Limits(TTL, EVICT_AFTER, null);
    return new World(root, limits, capacity, 1_000_000, leastWarm, mostWarm);
  }

  private World(
      Path root, Limits limits, int capacity, int newUsersPerMinute, int warm, int mostWarm)
      throws java.io.IOException {
    this.newUsersPerMinute = newUsersPerMinute;
    this.warm = warm;
    this.mostWarm = mostWarm;
    this.workspaces =
        TestWorkspaces.open(root)
            .limitedBy(user -> quota.limit(user))
            .measuredBy(path -> space.of(path));
    this.capacity = capacity;
    this.limits = limits;
    this.domain = boot();
  }

  private Domain boot() {
    crashed = false;
    engine.faults.reconnect();
    publishing = Publishing.WORKS;
    dropHeld();
    lanes.clear();
    registry = new Registry();
    Profile profile = limits.profile(new Warm(warm, mostWarm));
    return Domain.of(
        new Domain.Ports(
            engine,
            new Sink(),
            liveTable,
            new CurrentTable(),
            (user, task) -> {
              if (!isStopping) {
                lanes.computeIfAbsent(user, _ -> new ConcurrentLinkedQueue<>()).add(task);
              }
              return !isStopping;
            },
            _ -> lowWatermark == null ? OptionalLong.empty() : OptionalLong.of(lowWatermark),
            TIMER,
            time,
            metrics),
        () -> Profiles.only(reaching(profile)),
        new Domain.Settings(
            ME,
            new Reaper.Limits(limits.evictAfter(), limits.notice(), limits.busyShare()),
            capacity,
            4,
            4,
            newUsersPerMinute),
        registry,
        workspaces,
        new WarmPool.Setup(
            ProfileEngines.always(engine, engine), mounts, () -> Warm.MOST, Runnable::run),
        new CommandSetup(commandEngine, commandTable, CommandLimits.DEFAULT));
  }

  private Profile reaching(Profile profile) {
    SandboxSpec spec = profile.spec();
    NetworkPolicy policy =
        new NetworkPolicy(
            spec.policy().firewall(), egress, spec.policy().dns(), spec.policy().pgIps());
    return new Profile(
        profile.name(),
        new SandboxSpec(spec.image(), spec.runtime(), spec.limits(), spec.network(), policy),
        profile.idleTtls(),
        profile.maxLifetime(),
        profile.warm(),
        profile.environment());
  }

  /** The clocks. */
  public Time time() {
    return time;
  }

  /** Lets the timer run again, a moment later. */
  public void warmUp() {
    advance(Duration.ofSeconds(1));
    domain.slots().tick();
  }

  public boolean isCrashed() {
    return crashed || engine.faults.crashed();
  }

  /**
   * The worker's process ends without a goodbye, and another takes its place.
   *
   * @return completes when it has taken its users over; a worker reads no ensure of theirs before
   */
  public CompletableFuture<List<LiveSandbox>> restart()
      throws EngineException, InterruptedException {
    reboot();
    domain.previousRun().purge(sandboxLog());
    domain.slots().sweep();
    return takeOver();
  }

  /** The log. */
  public FakeSandboxLog sandboxLog() {
    return new FakeSandboxLog(live, log);
  }

  /** Compares the running sandboxes with a log. */
  public LogComparison comparison(SandboxLog log) {
    return new LogComparison(registry, log, time, ME.workerId());
  }

  /** Becomes the owner of all users. */
  public CompletableFuture<List<LiveSandbox>> takeOver() {
    return domain
        .takeover()
        .settle(
            comparison(sandboxLog()).of(Set.of(0), true),
            new FakeOwnership(FakeOwnership.State.OWNED));
  }

  /** A container that another worker runs with a user's name. */
  public static Container another(String id, UserId user) {
    return new Container(
        id,
        Container.nameOf(user),
        Container.State.RUNNING,
        new Container.Ownership(user, null, "somebody else", false),
        SPEC.hash(),
        Instant.EPOCH,
        null,
        false);
  }

  /** The current sandboxes, by user. */
  public final Map<UserId, CurrentSandbox> current = new ConcurrentHashMap<>();

  /** Users whose partition this worker does not own. */
  public Predicate<UserId> isAnothers = _ -> false;

  private final class CurrentTable implements CurrentSandboxes {
    @Override
    public void enter(CurrentSandbox sandbox) throws FencedException, InterruptedException {
      failIfCrashed();
      failIfAnothers(sandbox.userId());
      current.put(sandbox.userId(), sandbox);
      entries++;
    }

    @Override
    public void remove(UserId user) throws FencedException, InterruptedException {
      failIfAnothers(user);
      purge(user);
    }

    @Override
    public void purge(UserId user) throws InterruptedException {
      failIfCrashed();
      current.remove(user);
    }

    private void failIfAnothers(UserId user) throws FencedException {
      if (isAnothers.test(user)) {
        throw new FencedException("the user is another worker's");
      }
    }
  }

  /** How often a sandbox was entered in the table of current ones. */
  public int entries;

  private void failIfCrashed() throws InterruptedException {
    if (isCrashed()) {
      throw new InterruptedException("crashed before");
    }
  }

  private final class LiveTable implements LiveSandboxTable {
    @Override
    public void open(LiveSandbox sandbox) throws InterruptedException {
      if (isCrashed()) {
        throw new InterruptedException("crashed before");
      }
      live.put(sandbox.containerId(), sandbox);
    }

    @Override
    public void close(UserId user, String containerId) throws InterruptedException {
      if (isCrashed()) {
        throw new InterruptedException("crashed before");
      }
      live.remove(containerId);
    }
  }

  /** Like {@link #restart}, but leftovers are not handled yet. */
  public void reboot() {
    domain = boot();
  }

  /** The requests that events were published in answer to, by the events' ids. */
  public final Map<String, RequestContext> contexts = new ConcurrentHashMap<>();

  private final class Sink implements EventSink {
    @Override
    public EventSink answering(RequestContext request) {
      Sink all = this;
      return new EventSink() {
        @Override
        public void publish(SandboxEvent event) throws InterruptedException {
          contexts.put(event.eventId(), request);
          all.publish(event);
        }

        @Override
        public CompletableFuture<Void> publishAsync(SandboxEvent event) {
          contexts.put(event.eventId(), request);
          return all.publishAsync(event);
        }
      };
    }

    @Override
    public void publish(SandboxEvent event) throws InterruptedException {
      World.this.publish(event);
    }

    @Override
    public void publish(SandboxEvent event, Fence fence)
        throws FencedException, InterruptedException {
      fence.pass();
      Runnable failed = firstTryFailed;
      if (failed != null) {
        failed.run();
        fence.pass();
      }
      publish(event);
    }

    @Override
    public CompletableFuture<Void> publishAsync(SandboxEvent event) {
      synchronized (World.this) {
        if (failsOnce.test(event)) {
          failsOnce = _ -> false;
          return CompletableFuture.failedFuture(new IllegalStateException("the leader is away"));
        }
        if (heldUp.test(event)) {
          CompletableFuture<Void> later = new CompletableFuture<>();
          held.add(new Held(event, later));
          return later;
        }
        return EventSink.super.publishAsync(event);
      }
    }
  }

  /** Whether the log has unacknowledged events. */
  public synchronized boolean isHolding() {
    return !held.isEmpty();
  }

  /** The log acknowledges the events that it held up. */
  public synchronized void release() {
    heldUp = _ -> false;
    for (Held each : held) {
      log.add(each.event());
      each.acknowledged().complete(null);
    }
    held.clear();
  }

  /** The log is back, but did not get the events that it held up. */
  public synchronized void lose() {
    heldUp = _ -> false;
    for (Held each : held) {
      each.acknowledged().completeExceptionally(new IllegalStateException("the log was away"));
    }
    held.clear();
  }

  /** Drops the events that a process had sent. */
  private synchronized void dropHeld() {
    held.clear();
  }

  private synchronized void publish(SandboxEvent event) throws InterruptedException {
    Publishing now = publishing;
    if (isCrashed() || now == Publishing.CRASHES_BEFORE) {
      crashed = true;
      throw new InterruptedException("crash before publishing " + event);
    }
    if (refuses.test(event)) {
      throw new IllegalArgumentException("a record that the log refuses");
    }
    log.add(event);
    if (now == Publishing.CRASHES_AFTER) {
      crashed = true;
      throw new InterruptedException("crash after publishing " + event);
    }
  }

  public static UserId user(int number) {
    return new UserId(new UUID(0, number));
  }

  public EnsureRequest request(UserId user) {
    return request(user, Duration.ofSeconds(60));
  }

  public EnsureRequest request(UserId user, Duration expiresIn) {
    return request(user, expiresIn, null);
  }

  /** The same, with an idle TTL. */
  public EnsureRequest request(UserId user, Duration expiresIn, @Nullable Duration idleTtl) {
    return new EnsureRequest(
        new Ensure("e" + ++ensures, user, Instant.EPOCH, null, null, idleTtl),
        0,
        now,
        Deadline.in(expiresIn, time),
        Fence.OPEN);
  }

  /** Ensures with the user's idle TTL, and returns the last event published for the user. */
  public SandboxEvent ensure(UserId user, @Nullable Duration idleTtl)
      throws FencedException, InterruptedException {
    domain.ensurer().ensure(request(user, Duration.ofSeconds(60), idleTtl));
    return lastOf(user);
  }

  /** Ensures with labels and an end, and returns the last event published for the user. */
  public SandboxEvent ensure(
      UserId user, @Nullable Map<String, String> labels, @Nullable Instant endsAt)
      throws FencedException, InterruptedException {
    domain.ensurer().ensure(request(user, labels, endsAt));
    return lastOf(user);
  }

  /** Ensures with a network, and returns the last event published for the user. */
  public SandboxEvent ensure(UserId user, @Nullable Network network)
      throws FencedException, InterruptedException {
    Ensure ensure =
        new Ensure(
            "e" + ++ensures, user, time.now(), null, null, null, null, null, null, false, network);
    Deadline deadline = Deadline.in(Duration.ofSeconds(60), time);
    domain.ensurer().ensure(new EnsureRequest(ensure, 0, now, deadline, Fence.OPEN));
    return lastOf(user);
  }

  /** A request with labels and an end. */
  public EnsureRequest request(
      UserId user, @Nullable Map<String, String> labels, @Nullable Instant endsAt) {
    return new EnsureRequest(
        new Ensure("e" + ++ensures, user, time.now(), null, null, null, labels, endsAt),
        0,
        now,
        Deadline.in(Duration.ofSeconds(60), time),
        Fence.OPEN);
  }

  /** Ensures at once, and returns the last event published for the user. */
  public SandboxEvent ensure(UserId user) throws FencedException, InterruptedException {
    domain.ensurer().ensure(request(user));
    return lastOf(user);
  }

  /** Other users' events may be published meanwhile. */
  private SandboxEvent lastOf(UserId user) {
    synchronized (log) {
      return log.reversed().stream()
          .filter(event -> event.userId().equals(user))
          .findFirst()
          .orElseThrow();
    }
  }

  /** Like {@link #ensure}, and must get a sandbox. */
  public Ready ready(UserId user) throws FencedException, InterruptedException {
    return (Ready) ensure(user);
  }

  /** Like {@link #ensure}, and must not get a sandbox. */
  public Failed failed(UserId user) throws FencedException, InterruptedException {
    return (Failed) ensure(user);
  }

  public void submit(UserId user, Runnable task) {
    lanes.computeIfAbsent(user, _ -> new ConcurrentLinkedQueue<>()).add(task);
  }

  /** How many tasks wait in a user's lane. */
  public int waiting(UserId user) {
    Queue<Runnable> lane = lanes.get(user);
    return lane == null ? 0 : lane.size();
  }

  /** Runs the oldest task of a user's lane; false if there is none. */
  public boolean step(UserId user) {
    Queue<Runnable> lane = lanes.get(user);
    Runnable task = lane == null ? null : lane.poll();
    if (task == null) {
      return false;
    }
    task.run();
    // Interrupts stand for the crash here; the thread is the test's own.
    boolean _ = Thread.interrupted();
    return true;
  }

  /** A thread that runs the tasks of a user's lane until it is closed. */
  public Settling settling(UserId user) {
    AtomicBoolean done = new AtomicBoolean();
    Thread thread =
        Thread.ofVirtual()
            .start(
                () -> {
                  while (!done.get()) {
                    step(user);
                    Thread.yield();
                  }
                });
    return () -> {
      // By no interrupt: that would stand for a crash.
      done.set(true);
      try {
        thread.join();
      } catch (InterruptedException e) {
        throw new IllegalStateException("interrupted by nobody", e);
      }
    };
  }

  /** A task in the background, until it is closed. */
  public interface Settling extends AutoCloseable {
    @Override
    void close();
  }

  public void settle() {
    boolean more = true;
    while (more && !isCrashed()) {
      more = false;
      for (UserId user : List.copyOf(lanes.keySet())) {
        more |= step(user);
      }
    }
  }

  public synchronized void advance(Duration by) {
    now += by.toNanos();
  }

  /** Lets the follower catch up. */
  public void readAll() {
    lowWatermark = now;
  }

  public void tick() {
    domain.reaper().tick();
    settle();
  }

  public List<Ready> readies() {
    return log.stream().filter(Ready.class::isInstance).map(Ready.class::cast).toList();
  }

  public List<Reaped> reaped() {
    return log.stream().filter(Reaped.class::isInstance).map(Reaped.class::cast).toList();
  }

  public List<Expiring> notices() {
    return log.stream().filter(Expiring.class::isInstance).map(Expiring.class::cast).toList();
  }

  public List<Failed> failures() {
    return log.stream().filter(Failed.class::isInstance).map(Failed.class::cast).toList();
  }
}
