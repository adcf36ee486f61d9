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
import io.zcbot.sandbox.worker.spec.Profile;
import java.io.IOException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
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
  private final Time time;
  private final AtomicBoolean busy = new AtomicBoolean();
  private final Map<String, Pace> paces = new ConcurrentHashMap<>();
  private volatile CompletableFuture<Void> making = CompletableFuture.completedFuture(null);

  /** How the slots of one profile are made. */
  private static final class Pace {
    private final MakeTimes makeTimes = new MakeTimes();
    private volatile @Nullable String problem;
    private volatile int failures;
    private volatile long notBefore;
    private volatile long lastTaken;

    private Pace(long now) {
      notBefore = now;
      lastTaken = now - RefillPace.quiet(1, 1).toNanos();
    }
  }

  PoolRefill(
      IdleSlots pool,
      SlotFactory maker,
      Capacity capacity,
      CreateTurns turns,
      Executor threads,
      Time time) {
    this.pool = pool;
    this.maker = maker;
    this.capacity = capacity;
    this.turns = turns;
    this.threads = threads;
    this.time = time;
  }

  private Pace pace(Profile profile) {
    return paces.computeIfAbsent(profile.name(), _ -> new Pace(time.nanos()));
  }

  /** Why the last slot of a profile could not be made; null if it could. Any thread. */
  @Nullable String problem(Profile profile) {
    return pace(profile).problem;
  }

  /** How long slots of a profile take to make. */
  MakeTimes makeTimes(Profile profile) {
    return pace(profile).makeTimes;
  }

  /** Forgets what is known of other profiles than these. */
  void retain(Set<String> names) {
    paces.keySet().retainAll(names);
  }

  /** Why a missing slot is not made although nothing failed; null if it will be made soon. */
  @Nullable String waitsFor(Profile profile) {
    return pool.size(profile) < pool.target(profile) && capacity.taken() >= capacity.max()
        ? "the host is full"
        : null;
  }

  /** Notes that a user has just claimed a slot of a profile, which delays the next make. */
  void taken(Profile profile) {
    pace(profile).lastTaken = time.nanos();
  }

  /** Begins to create slots if some are missing and may be created now. Never blocks. */
  void tick() {
    if (next() != null && busy.compareAndSet(false, true)) {
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

  /** The profile of the next slot; null if none is missing, or may be made now. */
  private @Nullable Profile next() {
    for (Profile profile : pool.lacking()) {
      if (mayMake(profile)) {
        return profile;
      }
    }
    return null;
  }

  private boolean mayMake(Profile profile) {
    long now = time.nanos();
    Pace pace = pace(profile);
    Duration quiet = RefillPace.quiet(pool.size(profile), pool.target(profile));
    return now - pace.notBefore >= 0 && now - pace.lastTaken >= quiet.toNanos();
  }

  private void makeWhatLacks() {
    Profile next = next();
    while (next != null) {
      try (CreateTurns.Turn turn = turns.tryBehindAll()) {
        if (turn == null || !makeOne(next)) {
          return;
        }
      }
      next = next();
    }
  }

  /** Makes one slot; false if that was not possible. */
  private boolean makeOne(Profile profile) {
    Reservation reservation = capacity.tryTakeBehindAll();
    if (reservation == null) {
      return false;
    }
    Pace pace = pace(profile);
    String id = HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong());
    pool.begin(id, reservation);
    try (var _ = MDC.putCloseable("slot", id)) {
      long begin = time.nanos();
      Slot slot = maker.make(profile, id, reservation);
      if (pool.add(slot)) {
        pace.makeTimes.add(Duration.ofNanos(time.nanos() - begin).toMillis());
        works(pace);
        return true;
      }
      maker.destroy(slot);
    } catch (EngineException | IOException e) {
      fails(profile, String.valueOf(e.getMessage()));
    } catch (RuntimeException e) { // or the timer would retry without a pause
      log.error("creating a slot failed unexpectedly; please report this", e);
      fails(profile, e.toString());
    } finally {
      pool.endMaking();
    }
    return false;
  }

  private static void works(Pace pace) {
    if (pace.problem != null) {
      log.info("slots of the warm pool can be created again");
    }
    pace.problem = null;
    pace.failures = 0;
  }

  private void fails(Profile profile, String because) {
    Pace pace = pace(profile);
    if (pool.isClosed()) {
      log.debug("a stop interrupted the creation of a slot: {}", because);
      return;
    }
    if (pace.problem == null) {
      log.warn(
          "could not create a slot of the warm pool, of the profile {}: {}. Sandboxes are created on"
              + " demand; will be tried again",
          profile.name(),
          because);
    } else {
      log.debug("could not create a slot of the warm pool: {}", because);
    }
    pace.problem = because;
    pace.failures = Math.min(pace.failures + 1, 30);
    pace.notBefore = time.nanos() + Duration.ofMillis(BACKOFF.apply(pace.failures)).toNanos();
  }
}
