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
import java.util.Iterator;
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
    AtomicBoolean hasRoom = new AtomicBoolean();
    Trial latest = null;
    int undecided = 0;
    try (Capacity.Wait wait = capacity.beginWait()) {
      while (true) {
        if (candidates.hasNext() && (latest == null || !latest.begun)) {
          latest = new Trial(candidates.next(), hasRoom);
          undecided++;
          latest.start(reaper, decided);
        }
        if (undecided == 0) {
          return null;
        }
        long left = deadline - time.nanos();
        Trial trial = decided.poll(Math.min(left, BUSY_LANE), TimeUnit.NANOSECONDS);
        if (trial != null && trial.refused) {
          throw new StoppedException("the worker stopped before there was room", null);
        }
        Place place = trial != null && trial.hasMadeRoom() ? capacity.tryTake() : wait.tryTake();
        if (place != null || left <= 0) {
          hasRoom.set(place != null);
          return place;
        }
        undecided -= trial == null ? 0 : 1;
        latest = trial == latest ? null : latest;
      }
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

  /** The eviction of one candidate. In a lane that is busy it waits until there is room. */
  private static final class Trial {
    private final Sandbox sandbox;
    private final AtomicBoolean hasRoom;
    private volatile boolean begun;

    /** By the lanes, which are closed. */
    private boolean refused;

    private Trial(Sandbox sandbox, AtomicBoolean hasRoom) {
      this.sandbox = sandbox;
      this.hasRoom = hasRoom;
    }

    private void start(Reaper reaper, BlockingQueue<Trial> decided) {
      CompletableFuture<Void> eviction = reaper.evict(sandbox, this::begin);
      refused = eviction.isCancelled();
      var _ =
          CompletableFuture.anyOf(eviction, sandbox.placeFreed())
              .whenComplete((_, _) -> decided.add(this));
    }

    private boolean begin() {
      begun = !hasRoom.get();
      return begun;
    }

    /** Whether one place is ours: what others ended is for those who wait for it. */
    private boolean hasMadeRoom() {
      return begun && sandbox.placeFreed().isDone();
    }
  }
}
