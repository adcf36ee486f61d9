/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.pool;

import io.github.resilience4j.core.IntervalFunction;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.demand.MakeTimes;
import io.zcbot.sandbox.worker.demand.RefillPace;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.Capacity;
import io.zcbot.sandbox.worker.sandbox.CreateTurns;
import io.zcbot.sandbox.worker.sandbox.Reservation;
import java.io.IOException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * Fills the pool in the background: one slot at a time, only while no user's create waits, and not
 * while it would slow users' claims down.
 */
final class PoolRefill {
  private static final Logger log = LoggerFactory.getLogger(PoolRefill.class);

  private static final IntervalFunction BACKOFF =
      IntervalFunction.ofExponentialRandomBackoff(
          Duration.ofSeconds(1), 2.0, 0.5, Duration.ofMinutes(5));

  private final IdleSlots pool;
  private final SlotFactory maker;
  private final Capacity capacity;
  private final CreateTurns turns;
  private final Executor threads;
  private final MakeTimes makeTimes;
  private final Time time;
  private final AtomicBoolean busy = new AtomicBoolean();
  private volatile CompletableFuture<Void> making = CompletableFuture.completedFuture(null);
  private volatile @Nullable String problem;
  private volatile int failures;
  private volatile long notBefore;
  private volatile long lastTaken;

  PoolRefill(
      IdleSlots pool,
      SlotFactory maker,
      Capacity capacity,
      CreateTurns turns,
      Executor threads,
      MakeTimes makeTimes,
      Time time) {
    this.pool = pool;
    this.maker = maker;
    this.capacity = capacity;
    this.turns = turns;
    this.threads = threads;
    this.makeTimes = makeTimes;
    this.time = time;
    this.notBefore = time.nanos();
    this.lastTaken = time.nanos() - RefillPace.quiet(1, 1).toNanos();
  }

  /** Why the last slot could not be made; null if it could. Any thread. */
  @Nullable String problem() {
    return problem;
  }

  /** Why a missing slot is not made although nothing failed; null if it will be made soon. */
  @Nullable String waitsFor() {
    return pool.wantsMore() && capacity.taken() >= capacity.max() ? "the host is full" : null;
  }

  /** Notes that a user has just claimed a slot, which delays the next make. */
  void taken() {
    lastTaken = time.nanos();
  }

  /** Begins to create slots if some are missing and may be created now. Never blocks. */
  void tick() {
    if (mayMake() && busy.compareAndSet(false, true)) {
      making =
          CompletableFuture.runAsync(
              () -> {
                try {
                  makeWhatLacks();
                } finally {
                  busy.set(false);
                }
              },
              threads);
    }
  }

  /** Creates no more slots, and gives up the one being created. */
  void stop() {
    pool.close();
    maker.giveUp();
  }

  /** Completes when no slot is being made. */
  CompletableFuture<Void> underWay() {
    return making;
  }

  private boolean mayMake() {
    long now = time.nanos();
    return pool.wantsMore()
        && now - notBefore >= 0
        && now - lastTaken >= RefillPace.quiet(pool.size(), pool.target()).toNanos();
  }

  private void makeWhatLacks() {
    boolean made = true;
    while (made && mayMake()) {
      try (CreateTurns.Turn turn = turns.tryBehindAll()) {
        made = turn != null && makeOne();
      }
    }
  }

  /** Makes one slot; false if that was not possible. */
  private boolean makeOne() {
    Reservation reservation = capacity.tryTakeBehindAll();
    if (reservation == null) {
      return false;
    }
    String id = HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong());
    pool.begin(id, reservation);
    try (var _ = MDC.putCloseable("slot", id)) {
      long begin = time.nanos();
      Slot slot = maker.make(id, reservation);
      if (pool.add(slot)) {
        makeTimes.add(Duration.ofNanos(time.nanos() - begin).toMillis());
        works();
        return true;
      }
      maker.destroy(slot);
    } catch (EngineException | IOException e) {
      fails(String.valueOf(e.getMessage()));
    } catch (RuntimeException e) { // or the timer would retry without a pause
      log.error("creating a slot failed unexpectedly; please report this", e);
      fails(e.toString());
    } finally {
      pool.endMaking();
    }
    return false;
  }

  private void works() {
    if (problem != null) {
      log.info("slots of the warm pool can be created again");
    }
    problem = null;
    failures = 0;
  }

  private void fails(String because) {
    if (pool.isClosed()) {
      log.debug("a stop interrupted the creation of a slot: {}", because);
      return;
    }
    if (problem == null) {
      log.warn(
          "could not create a slot of the warm pool: {}. Sandboxes are created on demand; will be"
              + " tried again",
          because);
    } else {
      log.debug("could not create a slot of the warm pool: {}", because);
    }
    problem = because;
    failures = Math.min(failures + 1, 30);
    notBefore = time.nanos() + Duration.ofMillis(BACKOFF.apply(failures)).toNanos();
  }
}
