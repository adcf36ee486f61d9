/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import io.zcbot.sandbox.worker.sandbox.Capacity;
import io.zcbot.sandbox.worker.sandbox.Place;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.SandboxCommands;
import io.zcbot.sandbox.worker.sandbox.StoppedException;
import io.zcbot.sandbox.worker.sandbox.Time;
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

/** Makes room on a full host. */
public final class Eviction {
  /** An eviction that did not begin within this time is behind other work of its user. */
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
   * Evicts the sandbox that was unused for longest and takes its place, trying the next where one
   * turns out to be in use, the engine fails, or its user's lane is busy. Those that it failed to
   * end before come last. The warm pool and users who come later leave the place alone, which is
   * free before the eviction is done.
   *
   * @param deadline on the monotonic clock
   * @return the place; null if there is none to be had
   * @throws StoppedException if the worker stops and evicts nobody any more
   */
  public @Nullable Place makeRoom(long deadline) throws InterruptedException {
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
        long left = deadline - time.nanos();
        Trial trial = decided.poll(Math.min(left, BUSY_LANE), TimeUnit.NANOSECONDS);
        if (trial != null && trial.refused) {
          throw new StoppedException("the worker stopped before there was room", null);
        }
        Place place = trial != null && trial.hasMadeRoom() ? capacity.tryTake() : wait.tryTake();
        if (place != null || left <= 0) {
          return place;
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
    // The key is read once for each: a sort may refuse keys that change meanwhile.
    return registry.all().stream()
        .filter(sandbox -> reaper.isEvictable(sandbox) && !commands.areIn(sandbox))
        .filter(sandbox -> !sandbox.isReapPending()) // its place is somebody else's, or free
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

  /** The eviction of one candidate. In a busy lane it may wait until nobody wants the place. */
  private static final class Trial {
    private final Sandbox sandbox;

    /** Whether the wait for a place has ended. */
    private final AtomicBoolean over;

    private volatile boolean begun;

    /** By the lanes, which are closed. */
    private boolean refused;

    private Trial(Sandbox sandbox, AtomicBoolean over) {
      this.sandbox = sandbox;
      this.over = over;
    }

    private void start(Reaper reaper, BlockingQueue<Trial> decided) {
      CompletableFuture<Void> eviction = reaper.evict(sandbox, this::begin);
      refused = eviction.isCancelled();
      var _ =
          CompletableFuture.anyOf(eviction, sandbox.placeFreed())
              .whenComplete((_, _) -> decided.add(this));
    }

    private boolean begin() {
      begun = !over.get();
      return begun;
    }

    /** Whether one place is ours: what others ended is for those who wait for it. */
    private boolean hasMadeRoom() {
      return begun && sandbox.placeFreed().isDone();
    }
  }
}
