/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.pool;

import io.zcbot.sandbox.events.Network;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.demand.PoolShares;
import io.zcbot.sandbox.worker.demand.PoolSizing;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineEvent;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.ProfileEngines;
import io.zcbot.sandbox.worker.sandbox.Capacity;
import io.zcbot.sandbox.worker.sandbox.CreateTurns;
import io.zcbot.sandbox.worker.sandbox.Reservation;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics.Claim;
import io.zcbot.sandbox.worker.spec.Profile;
import io.zcbot.sandbox.worker.spec.Profiles;
import io.zcbot.sandbox.worker.spec.Warm;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps idle slots: containers that are sandboxes but have no user and no workspace. They are
 * created in the background, one at a time, while no user's create waits. A slot can be claimed
 * once it has shown that it sees later mounts, and is claimed at most once. Thread-safe.
 *
 * <p>If there can be no slots, {@link #problem} says why, and sandboxes are created on demand.
 */
public final class WarmPool {
  private static final Logger log = LoggerFactory.getLogger(WarmPool.class);

  private final Executor threads;
  private final SlotMounts mounts;
  private final SlotRoom room;
  private final IdleSlots pool = new IdleSlots();
  private final SlotFactory maker;
  private final PoolRefill refill;
  private final Claims claims;
  private final PoolSweep sweep;
  private final Time time;
  private final SandboxMetrics metrics;
  private volatile Profiles profiles;

  /** What follows demand, by the profile's name. */
  private volatile Map<String, PoolTarget> targets = Map.of();

  /**
   * The settings of the pool.
   *
   * @param threads runs tasks that block
   */
  public record Setup(ProfileEngines engines, SlotMounts mounts, SlotRoom room, Executor threads) {
    /** Runs blocking tasks on virtual threads. */
    public Setup(ProfileEngines engines, SlotMounts mounts, SlotRoom room) {
      this(engines, mounts, room, task -> Threads.start("slots", task));
    }
  }

  public WarmPool(
      Engine engine,
      Profiles profiles,
      Setup setup,
      Capacity capacity,
      CreateTurns turns,
      Time time,
      SandboxMetrics metrics) {
    this.threads = setup.threads();
    this.mounts = setup.mounts();
    this.room = setup.room();
    this.time = time;
    this.metrics = metrics;
    this.profiles = profiles;
    this.maker = new SlotFactory(engine, setup.engines(), setup.mounts(), pool);
    this.claims = new Claims(this, setup.engines(), time, metrics);
    this.refill = new PoolRefill(pool, maker, capacity, turns, threads, time);
    this.sweep = new PoolSweep(engine, setup.engines(), setup.mounts(), pool, maker);
    offer(profiles);
  }

  /**
   * Keeps slots of these profiles from now on, each with the number that it had if users still may
   * have some. Slots of others are destroyed, and those whose profile has another spec. Does not
   * block.
   */
  public synchronized void offer(Profiles offered) {
    Map<Profile, Integer> wanted = new LinkedHashMap<>();
    Map<String, PoolTarget> following = new HashMap<>();
    for (Profile profile : offered.all()) {
      if (obstacle(profile) == null) {
        Warm warm = warm(profile);
        int before = pool.target(profile);
        wanted.put(profile, Math.clamp(before, warm.least(), warm.most()));
        if (warm.goesByDemand()) {
          PoolTarget known = targets.get(profile.name());
          PoolSizing sizing = new PoolSizing(warm.least(), warm.most());
          following.put(
              profile.name(),
              known == null
                  ? new PoolTarget(profile, sizing, pool, refill.makeTimes(profile), time)
                  : known.of(profile, sizing));
        }
      }
    }
    pool.want(wanted);
    profiles = offered;
    targets = Map.copyOf(following);
    refill.retain(offered.all().stream().map(Profile::name).collect(Collectors.toSet()));
    resize(true);
    for (Slot slot : pool.takeStale()) {
      threads.execute(() -> discard(slot));
    }
  }

  /** The bounds of a profile on this host. */
  private Warm warm(Profile profile) {
    long inMemory = Math.max(1, room.bytes() / room.bytesOf(profile));
    return profile.warm().on(room.slots(), Math.clamp(inMemory, 1, Warm.MOST));
  }

  private @Nullable String obstacle(Profile profile) {
    if (profile.warm().least() == 0) {
      return "not configured";
    }
    String problem = room.problem(profile);
    return problem == null ? mounts.problem() : problem;
  }

  /** Why there are no slots although some are wanted; null if there is no problem. */
  public @Nullable String problem() {
    List<String> problems = new ArrayList<>();
    for (Profile profile : profiles.all()) {
      String problem = problem(profile);
      if (problem != null) {
        problems.add(
            profiles.areSeveral() ? "profile " + profile.name() + ": " + problem : problem);
      }
    }
    return problems.isEmpty() ? null : String.join("; ", problems);
  }

  private @Nullable String problem(Profile profile) {
    String obstacle = obstacle(profile);
    return profile.warm().least() == 0
        ? null
        : obstacle == null ? refill.problem(profile) : obstacle;
  }

  /** Logs if there can be no slots although some are wanted. Called once, at start. */
  public void announce() {
    for (Profile profile : profiles.all()) {
      String obstacle = obstacle(profile);
      if (profile.warm().least() > 0 && obstacle != null) {
        log.warn(
            "there are no warm slots of the profile {}: {}. Sandboxes are created on demand; set {}"
                + " to turn off this warning",
            profile.name(),
            obstacle,
            profile.equals(profiles.usual()) ? "ZCBOT_SANDBOX_WARM=0" : "its warm: 0");
      }
    }
  }

  /** Whether slots of any profile are wanted and can be made here. */
  public boolean isPossible() {
    return profiles.all().stream().anyMatch(profile -> obstacle(profile) == null);
  }

  public int idle() {
    return pool.size();
  }

  public int idle(Profile profile) {
    return pool.size(profile);
  }

  /** How many slots should be idle now. */
  public int target() {
    return pool.target();
  }

  public int target(Profile profile) {
    return pool.target(profile);
  }

  /** Whether the number of slots of any profile follows the arrivals of users. */
  public boolean goesByDemand() {
    return !targets.isEmpty();
  }

  /** Notes when new users of a profile came before this process counted them. */
  public void remember(String profile, List<Instant> arrivals) {
    PoolTarget target = targets.get(profile);
    if (target != null) {
      target.remember(arrivals);
    }
  }

  /** The state in a few words, for the status page. */
  public String status() {
    return profiles.areSeveral()
        ? profiles.all().stream()
            .map(profile -> profile.name() + ": " + status(profile))
            .collect(Collectors.joining("; "))
        : status(profiles.usual());
  }

  private String status(Profile profile) {
    if (profile.warm().least() == 0) {
      return "off";
    }
    String problem = problem(profile);
    String because = problem == null ? refill.waitsFor(profile) : problem;
    Warm warm = warm(profile);
    boolean possible = obstacle(profile) == null;
    return pool.size(profile)
        + " of "
        + (possible ? pool.target(profile) : warm.least())
        + (possible && warm.goesByDemand()
            ? ", by demand: " + warm.least() + " to " + warm.most()
            : "")
        + (because == null ? "" : ", because " + because);
  }

  /** Whether slots of a profile are wanted and possible. */
  boolean areWanted(Profile profile) {
    return pool.isWanted(profile);
  }

  /**
   * Makes a sandbox of an idle slot for a user who has none. Runs in the user's lane; the workspace
   * must exist.
   *
   * @param network what the sandbox may reach
   * @return the sandbox; null if one has to be created
   * @throws EngineException if no sandbox can be made at the moment, or if the container with the
   *     user's name must be looked at first
   */
  public @Nullable Sandbox claim(
      UserId user, Profile profile, Network network, Path workspace, int partition)
      throws EngineException {
    return claims.claim(user, profile, network, workspace, partition);
  }

  /**
   * Counts a new user who has a sandbox. Failed attempts are not counted, since one ensure may take
   * many; nor are refused users, since a slot would have had no place either.
   *
   * @param asked when the user asked for it, on the monotonic clock
   * @param claimed whether it was made of a slot
   */
  public void arrived(Profile profile, long asked, boolean claimed) {
    if (areWanted(profile) && !claimed) {
      metrics.claimed(profile.name(), Claim.NONE_IDLE);
    }
    PoolTarget target = targets.get(profile.name());
    if (target != null) {
      target.arrived(asked, claimed);
    }
  }

  /** Takes a slot for a new user; null if none is idle. The caller owns it. */
  @Nullable Slot take(Profile profile) {
    Slot slot = pool.take(profile);
    if (slot != null) {
      refill.taken(profile);
    }
    return slot;
  }

  /** A taken slot became a sandbox; call {@link #release} once that is removed. */
  void claimed(Slot slot) {
    slot.entrance().close();
    slot.directory().close();
  }

  /** Destroys a taken slot, and gives its place back. */
  void discard(Slot slot) {
    maker.destroy(slot);
  }

  /**
   * Gives up a slot for a sandbox that has to be created. Does not block.
   *
   * @return its place; null if there is no slot
   */
  public @Nullable Reservation yieldReservation() {
    Slot slot = pool.takeAny();
    if (slot == null) {
      return pool.takePlaceOfMaking();
    }
    Reservation reservation = slot.reservation().handOver();
    threads.execute(() -> maker.destroy(slot));
    return reservation;
  }

  /** Undoes the mount of a removed sandbox that was made of a slot. */
  public void release(String slotId) {
    maker.release(slotId);
  }

  /** Removes the idle slot that an engine event is about, if any: it has changed. Never blocks. */
  public void on(EngineEvent event) {
    for (Slot slot : pool.takeIf(slot -> slot.containerId().equals(event.containerId()))) {
      log.info("removing slot {}: {}", slot.id(), event.kind().name().toLowerCase(Locale.ROOT));
      threads.execute(() -> discard(slot));
    }
  }

  /** Begins to make missing slots if they may be made now. Called by a timer; never blocks. */
  public void tick() {
    if (targets.values().stream().anyMatch(PoolTarget::isDue)) {
      threads.execute(this::resizeByDemand);
    }
    refill.tick();
  }

  private void resizeByDemand() {
    resize(false);
    Slot surplus = pool.takeSurplus();
    if (surplus != null) {
      discard(surplus);
    }
  }

  /**
   * Shares the room among the profiles, by what their users need.
   *
   * @param asTargets whether the present targets are taken for what is needed
   */
  private synchronized void resize(boolean asTargets) {
    List<Profile> possible =
        profiles.all().stream().filter(profile -> obstacle(profile) == null).toList();
    List<PoolShares.Need> needs = new ArrayList<>();
    for (Profile profile : possible) {
      PoolTarget target = targets.get(profile.name());
      Warm warm = warm(profile);
      int wanted =
          target == null ? warm.least() : asTargets ? pool.target(profile) : target.wanted();
      needs.add(new PoolShares.Need(warm.least(), wanted, target == null, room.bytesOf(profile)));
    }
    int[] shares = new PoolShares(Math.min(room.slots(), Warm.MOST), room.bytes()).of(needs);
    for (int i = 0; i < shares.length; i++) {
      PoolTarget target = targets.get(possible.get(i).name());
      if (target != null) {
        target.resize(shares[i], shares[i] < needs.get(i).wanted());
      }
    }
  }

  /**
   * Compares the pool with the engine and the mounts, and removes what is left over. Blocks.
   *
   * @return how many slots were destroyed
   */
  public int sweep() throws EngineException {
    return sweep.run();
  }

  /** Creates no more slots, because a stop needs the engine for its reaps. Does not block. */
  public void stopMaking() {
    refill.stop();
  }

  /**
   * Makes no more slots and destroys the idle ones, up to a limit; the next start sweeps the rest.
   */
  public void close(Duration limit) throws InterruptedException {
    stopMaking();
    List<CompletableFuture<Void>> all = new ArrayList<>(List.of(refill.underWay()));
    for (Slot slot : pool.takeIf(_ -> true)) {
      all.add(CompletableFuture.runAsync(() -> discard(slot), threads));
    }
    try {
      CompletableFuture.allOf(all.toArray(CompletableFuture[]::new))
          .get(limit.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException _) {
      log.warn("not all slots were removed in time; the next start removes the others");
    } catch (ExecutionException e) {
      log.warn("not all slots were removed; the next start removes the others", e);
    }
  }
}
