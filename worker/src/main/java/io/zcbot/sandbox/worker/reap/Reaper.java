/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.Announcer;
import io.zcbot.sandbox.worker.sandbox.IdleTtls;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.TerminationTarget;
import io.zcbot.sandbox.worker.sandbox.Time;
import io.zcbot.sandbox.worker.sandbox.UserLanes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Decides which sandboxes are due to be reaped, and reaps them in their users' lanes. */
public final class Reaper {
  /** An agent at work is rarely silent for longer; the engine is not asked about its sandbox. */
  private static final Duration SHORTEST_LOOK = Duration.ofSeconds(5);

  private final Registry registry;
  private final Termination termination;
  private final LaneSteps steps;
  private final Idleness idleness;
  private final HiddenUse hiddenUse;
  private final ExpiryNotices notices;
  private final Limits limits;
  private final Time time;
  private final Set<Sandbox> looking = ConcurrentHashMap.newKeySet();

  /**
   * When sandboxes end.
   *
   * @param idleTtls unused for this long: reaped
   * @param evictAfter unused for this long: may be reaped to make room
   * @param maxLifetime reaped at this age, used or not; null for never
   * @param notice how long before its end that is announced; null if it is not
   * @param busyShare processes that take more of a core are use; null if they are not
   */
  public record Limits(
      IdleTtls idleTtls,
      Duration evictAfter,
      @Nullable Duration maxLifetime,
      @Nullable Duration notice,
      @Nullable Double busyShare) {
    /** One idle TTL for all, no notice, and processes are no use. */
    public Limits(Duration idleTtl, Duration evictAfter, @Nullable Duration maxLifetime) {
      this(IdleTtls.always(idleTtl), evictAfter, maxLifetime, null, null);
    }
  }

  public Reaper(
      Registry registry,
      Termination termination,
      Announcer announcer,
      UserLanes lanes,
      HiddenUse hiddenUse,
      LowWatermark lowWatermark,
      Limits limits,
      Time time) {
    this.registry = registry;
    this.termination = termination;
    this.steps = new LaneSteps(lanes);
    this.idleness = new Idleness(lowWatermark, limits.idleTtls());
    this.hiddenUse = hiddenUse;
    this.notices = new ExpiryNotices(announcer, hiddenUse, idleness, limits, time);
    this.limits = limits;
    this.time = time;
  }

  /** Queues the reaps, notices and looks that are due. Called by a timer; never blocks. */
  public void tick() {
    for (Sandbox sandbox : registry.all()) {
      Reaped.Reason reason = due(sandbox);
      if (reason != null) {
        var _ = queue(sandbox, reason, () -> due(sandbox) == reason);
      } else if (notices.due(sandbox) != null) {
        queueLook(sandbox, "announce that it expires", () -> notices.give(sandbox));
      } else if (hiddenUse.wantsLook(sandbox) && isIdleFor(sandbox, lookAfter(sandbox))) {
        queueLook(sandbox, "look at its processor time", () -> hiddenUse.look(sandbox));
      }
    }
  }

  private Reaped.@Nullable Reason due(Sandbox sandbox) {
    if (limits.maxLifetime() != null
        && time.nanos() - sandbox.startedAt() >= limits.maxLifetime().toNanos()) {
      return Reaped.Reason.LIFETIME;
    }
    return isIdleFor(sandbox, idleness.ttl(sandbox)) ? Reaped.Reason.IDLE : null;
  }

  private boolean isIdleFor(Sandbox sandbox, Duration duration) {
    return idleness.isIdleFor(sandbox, duration);
  }

  /** Half of the time after which it may be reaped or evicted: the rest of it is measured. */
  private Duration lookAfter(Sandbox sandbox) {
    Duration half = idleness.ttl(sandbox).dividedBy(2);
    Duration evicted = limits.evictAfter().dividedBy(2);
    Duration later = evicted.compareTo(SHORTEST_LOOK) < 0 ? SHORTEST_LOOK : evicted;
    return half.compareTo(later) < 0 ? half : later;
  }

  /** Queues one such step for a sandbox at a time. */
  private void queueLook(Sandbox sandbox, String what, LaneSteps.Step step) {
    if (looking.add(sandbox)) {
      var _ =
          steps
              .queue(
                  sandbox.user(),
                  what,
                  () -> {
                    if (registry.get(sandbox.user()) == sandbox) {
                      step.run();
                    }
                  })
              .whenComplete((_, _) -> looking.remove(sandbox));
    }
  }

  /** Whether a sandbox was unused for so long that it may make room for another one. */
  boolean isEvictable(Sandbox sandbox) {
    return isIdleFor(sandbox, limits.evictAfter());
  }

  /**
   * Reaps a sandbox to make room, unless it turns out to be in use.
   *
   * @param isWanted asked in the lane when the eviction begins; not if somebody else ends it
   */
  CompletableFuture<Void> evict(Sandbox sandbox, BooleanSupplier isWanted) {
    return queue(
        sandbox, Reaped.Reason.EVICTED, () -> isWanted.getAsBoolean() && isEvictable(sandbox));
  }

  /** The worker stops: reaps are not to spare the engine for users any more. */
  public void hurry() {
    termination.hurry();
  }

  /**
   * Reaps every sandbox that a predicate names by user and partition, and waits for whatever runs
   * in those users' lanes before. What the engine can't end is tried a few times, since nobody
   * comes back to it.
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
      termination.endInsistently(sandbox, reason);
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
            if (reason != Reaped.Reason.LIFETIME && isHeld(sandbox, reason)) {
              return;
            }
            termination.end(TerminationTarget.of(sandbox, reason));
          } catch (EngineException e) {
            sandbox.stuck();
            throw e;
          } finally {
            sandbox.releaseReap();
          }
        });
  }

  /**
   * Whether something holds it in use of which no record tells. Where only the next look can tell
   * that, or a command of the engine's holds it that may hang, it is kept unless its place is
   * wanted.
   */
  private boolean isHeld(Sandbox sandbox, Reaped.Reason reason) throws EngineException {
    return switch (hiddenUse.ask(sandbox)) {
      case USED -> true;
      case UNKNOWN, USED_FOR_LONG -> reason != Reaped.Reason.EVICTED;
      case UNUSED -> false;
    };
  }

  private interface StillDue {
    boolean holds();
  }
}
