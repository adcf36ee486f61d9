/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.pool;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.demand.MakeTimes;
import io.zcbot.sandbox.worker.demand.PoolSizing;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineEvent;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.SandboxEngine;
import io.zcbot.sandbox.worker.engine.SlotEngine;
import io.zcbot.sandbox.worker.sandbox.Capacity;
import io.zcbot.sandbox.worker.sandbox.CreateTurns;
import io.zcbot.sandbox.worker.sandbox.Reservation;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics.Claim;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
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
  private final Setup setup;
  private final @Nullable String impossible;
  private final IdleSlots pool;
  private final SlotFactory maker;
  private final PoolRefill refill;
  private final PoolTarget target;
  private final Claims claims;
  private final PoolSweep sweep;
  private final SandboxMetrics metrics;

  /**
   * The settings of the pool.
   *
   * @param least how many slots should be idle at least; 0 for no pool
   * @param most how many may be idle as more users come; the same as {@code least} for a fixed size
   * @param engineProblem why the engine can have no slots; null if it can
   * @param threads runs tasks that block
   */
  public record Setup(
      SlotEngine engine,
      SlotMounts mounts,
      int least,
      int most,
      @Nullable String engineProblem,
      Executor threads) {
    /** Runs blocking tasks on virtual threads. */
    public Setup(
        SlotEngine engine, SlotMounts mounts, int least, int most, @Nullable String engineProblem) {
      this(engine, mounts, least, most, engineProblem, task -> Threads.start("slots", task));
    }

    boolean goesByDemand() {
      return most > least;
    }
  }

  public WarmPool(
      Engine engine,
      SandboxEngine sandboxes,
      Setup setup,
      Capacity capacity,
      CreateTurns turns,
      Time time,
      SandboxMetrics metrics) {
    this.threads = setup.threads();
    this.setup = setup;
    this.impossible = obstacle(setup);
    this.metrics = metrics;
    this.pool = new IdleSlots(impossible == null ? setup.least() : 0);
    this.maker = new SlotFactory(engine, setup.engine(), setup.mounts(), pool);
    this.claims = new Claims(this, sandboxes, setup.engine(), time, metrics);
    MakeTimes makeTimes = new MakeTimes();
    this.refill = new PoolRefill(pool, maker, capacity, turns, threads, makeTimes, time);
    this.target =
        new PoolTarget(new PoolSizing(setup.least(), setup.most()), pool, makeTimes, time);
    this.sweep = new PoolSweep(engine, setup.engine(), setup.mounts(), pool, maker);
  }

  private static @Nullable String obstacle(Setup setup) {
    if (setup.least() == 0) {
      return "not configured";
    }
    return setup.engineProblem() == null ? setup.mounts().problem() : setup.engineProblem();
  }

  /** Why there are no slots although some are wanted; null if there is no problem. */
  public @Nullable String problem() {
    return setup.least() == 0 ? null : impossible == null ? refill.problem() : impossible;
  }

  /** Logs if there can be no slots although some are wanted. Called once, at start. */
  public void announce() {
    if (setup.least() > 0 && impossible != null) {
      log.warn(
          "there is no warm pool: {}. Sandboxes are created on demand; set ZCBOT_SANDBOX_WARM=0"
              + " to turn off this warning",
          impossible);
    }
  }

  /** Whether slots are wanted and can be made here; this does not change. */
  public boolean isPossible() {
    return impossible == null;
  }

  public int idle() {
    return pool.size();
  }

  /** How many slots should be idle now. */
  public int target() {
    return pool.target();
  }

  /** Whether the number of slots follows the arrivals of users. */
  public boolean goesByDemand() {
    return impossible == null && setup.goesByDemand();
  }

  /** Notes when new users came before this process counted them. */
  public void remember(List<Instant> arrivals) {
    target.remember(arrivals);
  }

  /** The state in a few words, for the status page. */
  public String status() {
    String problem = problem();
    String because = problem == null ? refill.waitsFor() : problem;
    if (setup.least() == 0) {
      return "off";
    }
    int wanted = impossible == null ? pool.target() : setup.least();
    return pool.size()
        + " of "
        + wanted
        + (goesByDemand() ? ", by demand: " + setup.least() + " to " + setup.most() : "")
        + (because == null ? "" : ", because " + because);
  }

  /** Whether slots are wanted and possible. */
  boolean areWanted() {
    return impossible == null;
  }

  /**
   * Makes a sandbox of an idle slot for a user who has none. Runs in the user's lane; the workspace
   * must exist.
   *
   * @return the sandbox; null if one has to be created
   * @throws EngineException if no sandbox can be made at the moment, or if the container with the
   *     user's name must be looked at first
   */
  public @Nullable Sandbox claim(UserId user, Path workspace, int partition)
      throws EngineException {
    return claims.claim(user, workspace, partition);
  }

  /**
   * Counts a new user who has a sandbox. Failed attempts are not counted, since one ensure may take
   * many; nor are refused users, since a slot would have had no place either.
   *
   * @param asked when the user asked for it, on the monotonic clock
   * @param claimed whether it was made of a slot
   */
  public void arrived(long asked, boolean claimed) {
    if (areWanted() && !claimed) {
      metrics.claimed(Claim.NONE_IDLE);
    }
    if (goesByDemand()) {
      target.arrived(asked, claimed);
    }
  }

  /** Takes a slot for a new user; null if none is idle. The caller owns it. */
  @Nullable Slot take() {
    Slot slot = pool.take();
    if (slot != null) {
      refill.taken();
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
    Slot slot = pool.take();
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
    if (goesByDemand() && target.isDue()) {
      threads.execute(this::resize);
    }
    refill.tick();
  }

  private void resize() {
    target.judge();
    Slot surplus = pool.takeSurplus();
    if (surplus != null) {
      discard(surplus);
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
