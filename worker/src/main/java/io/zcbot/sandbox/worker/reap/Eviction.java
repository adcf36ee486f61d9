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
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** Makes room on a full host. */
public final class Eviction {
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
   * turns out to be in use, or the engine fails. Those that it failed to end before come last. The
   * warm pool and users who come later leave the place alone, which is free before the eviction is
   * done.
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
            .map(sandbox -> new Candidate(sandbox, sandbox.isStuck(), now - sandbox.lastActive()))
            .sorted(
                Comparator.comparing(Candidate::isStuck)
                    .thenComparing(Comparator.comparingLong(Candidate::unusedFor).reversed()))
            .toList();
    try (Capacity.Wait wait = capacity.beginWait()) {
      for (Candidate candidate : candidates) {
        Sandbox sandbox = candidate.sandbox();
        long left = deadline - time.nanos();
        try {
          var _ = reaper.evict(sandbox).get(left, TimeUnit.NANOSECONDS);
        } catch (TimeoutException | ExecutionException _) {
          // The capacity tells whether there is room now.
        }
        boolean hasEnded = registry.get(sandbox.user()) != sandbox; // then one place is ours
        Place place = hasEnded ? capacity.tryTake() : wait.tryTake();
        if (place != null || left <= 0) {
          return place;
        }
      }
      return null;
    }
  }

  /**
   * A sandbox that may be evicted.
   *
   * @param unusedFor in nanoseconds
   */
  private record Candidate(Sandbox sandbox, boolean isStuck, long unusedFor) {}
}
