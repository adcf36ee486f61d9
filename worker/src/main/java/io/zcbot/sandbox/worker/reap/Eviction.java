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
import io.zcbot.sandbox.worker.sandbox.Time;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** Makes room on a full host. */
public final class Eviction {
  /** A kill takes milliseconds; the eviction of one on which the engine hangs goes on by itself. */
  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(3);

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
   * turns out to be in use, or the engine hangs on it. The warm pool and users who come later leave
   * the place alone, which is free before the eviction is done.
   *
   * @param deadline on the monotonic clock
   * @return the place; null if there is none to be had
   */
  public @Nullable Place makeRoom(long deadline) throws InterruptedException {
    long now = time.nanos();
    // The key is read once for each: a sort may refuse keys that change meanwhile.
    List<Candidate> candidates =
        registry.all().stream()
            .filter(sandbox -> reaper.isEvictable(sandbox) && !commands.areIn(sandbox))
            .filter(sandbox -> !sandbox.isReapPending()) // its place is somebody else's, or free
            .map(sandbox -> new Candidate(sandbox, now - sandbox.lastActive()))
            .sorted(Comparator.comparingLong(Candidate::unusedFor).reversed())
            .toList();
    try (var _ = capacity.beginWait()) {
      List<CompletableFuture<Void>> hanging = new ArrayList<>();
      for (Candidate candidate : candidates) {
        CompletableFuture<Void> evicted = reaper.evict(candidate.sandbox());
        long left = deadline - time.nanos();
        Place place = placeAfter(evicted, left);
        if (place != null || left <= 0) {
          return place;
        }
        if (!evicted.isDone()) {
          hanging.add(evicted);
        }
        if (hanging.size() > 1) { // the engine hangs, for which not all that are idle are to end
          break;
        }
      }
      return firstOf(hanging, deadline);
    }
  }

  private @Nullable Place firstOf(List<CompletableFuture<Void>> hanging, long deadline)
      throws InterruptedException {
    while (!hanging.isEmpty()) {
      long left = deadline - time.nanos();
      Place place =
          placeAfter(CompletableFuture.anyOf(hanging.toArray(CompletableFuture[]::new)), left);
      if (place != null || left <= 0) {
        return place;
      }
      hanging.removeIf(CompletableFuture::isDone);
    }
    return null;
  }

  private @Nullable Place placeAfter(CompletableFuture<?> evicted, long left)
      throws InterruptedException {
    try {
      var _ = evicted.get(Math.min(left, PATIENCE_NANOS), TimeUnit.NANOSECONDS);
    } catch (TimeoutException | ExecutionException _) {
      // The capacity tells whether there is room now.
    }
    return capacity.tryTake();
  }

  /**
   * A sandbox that may be evicted.
   *
   * @param unusedFor in nanoseconds
   */
  private record Candidate(Sandbox sandbox, long unusedFor) {}
}
