/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import io.zcbot.sandbox.worker.base.Deadline;
import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.sandbox.Capacity;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.Reservation;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.SandboxCommands;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Iterator;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Makes room on a full host by ending the least recently used sandbox. Called in many users' lanes.
 */
public final class Eviction {
  /** An eviction that does not begin within this time, in nanoseconds, is stuck in a busy lane. */
  private static final long BUSY_LANE = Duration.ofSeconds(1).toNanos();

  private final Reaper reaper;
  private final Registry registry;
  private final Capacity capacity;
  private final SandboxCommands commands;
  private final Time time;

  public Eviction(
      Reaper reaper, Registry registry, Capacity capacity, SandboxCommands commands, Time time) {
    this.reaper = reaper;
    this.registry = registry;
    this.capacity = capacity;
    this.commands = commands;
    this.time = time;
  }

  /**
   * Evicts the sandbox that was unused for longest and takes its place. Tries the next one if it
   * turns out to be in use, the engine fails, or its user's lane is busy. Sandboxes that an earlier
   * try could not end come last. A place is free before its eviction is done; meanwhile the warm
   * pool and later users leave it alone. Blocks up to the deadline.
   *
   * @return the place; null if none could be had
   * @throws StoppedException if the worker stops and does not evict any more
   */
  public @Nullable Reservation makeRoom(Deadline deadline) throws InterruptedException {
    Iterator<Sandbox> candidates = candidates();
    BlockingQueue<Trial> decided = new LinkedBlockingQueue<>();
    Set<Trial> undecided = new HashSet<>();
    AtomicBoolean over = new AtomicBoolean();
    try (Capacity.Wait wait = capacity.beginWait()) {
      while (true) {
        if (candidates.hasNext() && undecided.stream().noneMatch(trial -> trial.begun)) {
          Trial next = new Trial(candidates.next(), over);
          undecided.add(next);
          next.start(reaper, decided);
        }
        if (undecided.isEmpty()) {
          return null;
        }
        long left = deadline.left(time);
        Trial trial = decided.poll(Math.min(left, BUSY_LANE), TimeUnit.NANOSECONDS);
        if (trial != null && trial.refused) {
          throw new StoppedException("the worker stopped before there was room", null);
        }
        Reservation reservation =
            trial != null && trial.hasMadeRoom() ? capacity.tryTake() : wait.tryTake();
        if (reservation != null || left <= 0) {
          return reservation;
        }
        if (trial != null) {
          undecided.remove(trial);
        }
      }
    } finally {
      over.set(true);
    }
  }

  private Iterator<Sandbox> candidates() {
    long now = time.nanos();
    // Read the sort keys once: sort may fail if they change meanwhile.
    return registry.all().stream()
        .filter(sandbox -> reaper.isEvictable(sandbox) && !commands.areIn(sandbox))
        .filter(sandbox -> !sandbox.isReapPending()) // its reservation is free or promised
        .map(sandbox -> new Candidate(sandbox, sandbox.isStuck(), now - sandbox.lastActive()))
        .sorted(
            Comparator.comparing(Candidate::isStuck)
                .thenComparing(Comparator.comparingLong(Candidate::unusedFor).reversed()))
        .map(Candidate::sandbox)
        .toList()
        .iterator();
  }

  /**
   * A sandbox that may be evicted.
   *
   * @param unusedFor in nanoseconds
   */
  private record Candidate(Sandbox sandbox, boolean isStuck, long unusedFor) {}

  /**
   * The eviction of one candidate. In a busy lane, its turn may come when the place is not needed.
   */
  private static final class Trial {
    private final Sandbox sandbox;

    /** Whether the wait for a place has ended. */
    private final AtomicBoolean over;

    private volatile boolean begun;

    /** Whether the lanes refused it, because they are closed. */
    private boolean refused;

    private Trial(Sandbox sandbox, AtomicBoolean over) {
      this.sandbox = sandbox;
      this.over = over;
    }

    private void start(Reaper reaper, BlockingQueue<Trial> decided) {
      CompletableFuture<Void> eviction = reaper.evict(sandbox, this::begin);
      refused = eviction.isCancelled();
      var _ =
          CompletableFuture.anyOf(eviction, sandbox.reservationReleased())
              .whenComplete((_, _) -> decided.add(this));
    }

    private boolean begin() {
      begun = !over.get();
      return begun;
    }

    /**
     * Whether this eviction freed a place. Places freed by others belong to those who wait for
     * them.
     */
    private boolean hasMadeRoom() {
      return begun && sandbox.reservationReleased().isDone();
    }
  }
}
