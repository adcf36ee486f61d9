/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.Capacity;
import io.zcbot.sandbox.worker.sandbox.Place;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.SandboxCommands;
import io.zcbot.sandbox.worker.sandbox.TerminationTarget;
import io.zcbot.sandbox.worker.sandbox.Time;
import io.zcbot.sandbox.worker.sandbox.UserLanes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Decides which sandboxes are due to be reaped, and reaps them in their users' lanes. */
public final class Reaper {
  private final Engine engine;
  private final Registry registry;
  private final Capacity capacity;
  private final SandboxCommands commands;
  private final Termination termination;
  private final LaneSteps steps;
  private final LowWatermark lowWatermark;
  private final Limits limits;
  private final Time time;

  /**
   * When sandboxes end.
   *
   * @param idleTtl unused for this long: reaped
   * @param evictAfter unused for this long: may be reaped to make room
   * @param maxLifetime reaped at this age, used or not; null for never
   */
  public record Limits(Duration idleTtl, Duration evictAfter, @Nullable Duration maxLifetime) {}

  public Reaper(
      Engine engine,
      Registry registry,
      Capacity capacity,
      SandboxCommands commands,
      Termination termination,
      UserLanes lanes,
      LowWatermark lowWatermark,
      Limits limits,
      Time time) {
    this.engine = engine;
    this.registry = registry;
    this.capacity = capacity;
    this.commands = commands;
    this.termination = termination;
    this.steps = new LaneSteps(lanes);
    this.lowWatermark = lowWatermark;
    this.limits = limits;
    this.time = time;
  }

  /** Queues the reaps that are due. Called by a timer; never blocks. */
  public void tick() {
    for (Sandbox sandbox : registry.all()) {
      Reaped.Reason reason = due(sandbox);
      if (reason != null) {
        var _ = queue(sandbox, reason, () -> due(sandbox) == reason);
      }
    }
  }

  private Reaped.@Nullable Reason due(Sandbox sandbox) {
    if (limits.maxLifetime() != null
        && time.nanos() - sandbox.startedAt() >= limits.maxLifetime().toNanos()) {
      return Reaped.Reason.LIFETIME;
    }
    return isIdleFor(sandbox, limits.idleTtl()) ? Reaped.Reason.IDLE : null;
  }

  /** Judged up to the low watermark only, because activity that has not been read yet may count. */
  private boolean isIdleFor(Sandbox sandbox, Duration duration) {
    OptionalLong readUpTo = lowWatermark.readUpTo(sandbox.partition());
    return readUpTo.isPresent()
        && readUpTo.getAsLong() - sandbox.lastActive() >= duration.toNanos();
  }

  /**
   * Evicts the sandbox that was unused for longest and takes its place, trying the next where one
   * turns out to be in use.
   *
   * @param deadline on the monotonic clock
   * @return the place; null if there is none to be had
   */
  public @Nullable Place makeRoom(long deadline) throws InterruptedException {
    List<Sandbox> candidates =
        registry.all().stream()
            .filter(sandbox -> isIdleFor(sandbox, limits.evictAfter()) && !commands.areIn(sandbox))
            .sorted(Comparator.comparingLong(s -> s.lastActive() - time.nanos()))
            .toList();
    for (Sandbox candidate : candidates) {
      long left = deadline - time.nanos();
      CompletableFuture<Void> done =
          queue(candidate, Reaped.Reason.EVICTED, () -> isIdleFor(candidate, limits.evictAfter()));
      try {
        done.get(left, TimeUnit.NANOSECONDS);
      } catch (TimeoutException | ExecutionException _) {
        // The capacity tells whether there is room now.
      }
      Place place = capacity.tryTake();
      if (place != null || left <= 0) {
        return place;
      }
    }
    return null;
  }

  /**
   * Reaps every sandbox that a predicate names by user and partition, and waits for whatever runs
   * in those users' lanes before.
   *
   * @param reason null to say nothing: somebody else announces them
   * @param more users without a sandbox as yet whose lanes may be making one
   * @return completes, never exceptionally, when all is done
   */
  public CompletableFuture<Void> reapAll(
      Reaped.@Nullable Reason reason, Predicate<Integer> ofPartition, Collection<UserId> more) {
    List<CompletableFuture<Void>> all = new ArrayList<>();
    for (Sandbox sandbox : registry.all()) {
      if (ofPartition.test(sandbox.partition()) && !more.contains(sandbox.user())) {
        all.add(steps.queue(sandbox.user(), "reap", () -> reapNow(sandbox.user(), reason)));
      }
    }
    for (UserId user : more) {
      all.add(steps.queue(user, "reap", () -> reapNow(user, reason)));
    }
    return CompletableFuture.allOf(all.toArray(CompletableFuture[]::new)).exceptionally(_ -> null);
  }

  private void reapNow(UserId user, Reaped.@Nullable Reason reason)
      throws EngineException, InterruptedException {
    Sandbox sandbox = registry.get(user);
    if (sandbox != null) {
      termination.end(TerminationTarget.of(sandbox, reason));
    }
  }

  /** Queues one reap of a sandbox unless one is queued; in the lane it looks once more. */
  private CompletableFuture<Void> queue(Sandbox sandbox, Reaped.Reason reason, StillDue still) {
    if (!sandbox.claimReap()) {
      return CompletableFuture.completedFuture(null);
    }
    return steps.queue(
        sandbox.user(),
        "reap",
        () -> {
          try {
            if (registry.get(sandbox.user()) != sandbox || !still.holds()) {
              return;
            }
            if (reason != Reaped.Reason.LIFETIME && isInUse(sandbox)) {
              sandbox.touch(time.nanos());
              return;
            }
            termination.end(TerminationTarget.of(sandbox, reason));
          } finally {
            sandbox.releaseReap();
          }
        });
  }

  private boolean isInUse(Sandbox sandbox) throws EngineException {
    return commands.areIn(sandbox) || engine.hasRunningExec(sandbox.containerId());
  }

  private interface StillDue {
    boolean holds();
  }
}
