/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.ProfileEngines;
import io.zcbot.sandbox.worker.sandbox.Announcer;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.TerminationTarget;
import io.zcbot.sandbox.worker.sandbox.UserLanes;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Decides which sandboxes are due to be reaped, and reaps them in their users' lanes. Thread-safe.
 */
public final class Reaper {
  /** The least idle time before a look: an agent at work is rarely silent for longer. */
  private static final Duration SHORTEST_LOOK = Duration.ofSeconds(5);

  private final Registry registry;
  private final Termination termination;
  private final LaneSteps steps;
  private final Idleness idleness;
  private final HiddenUse hiddenUse;
  private final ExpiryNotices notices;
  private final RefusalEntries refusals;
  private final Limits limits;
  private final Time time;
  private final Set<Sandbox> looking = ConcurrentHashMap.newKeySet();

  /**
   * When sandboxes end, besides what their profiles say.
   *
   * @param evictAfter may be evicted when unused for this long
   * @param notice how long in advance an end is announced; null if it is not
   * @param busyShare the share of a core above which processes count as use; null if they never do
   */
  public record Limits(
      Duration evictAfter, @Nullable Duration notice, @Nullable Double busyShare) {}

  public Reaper(
      Registry registry,
      Termination termination,
      Announcer announcer,
      ProfileEngines engines,
      UserLanes lanes,
      HiddenUse hiddenUse,
      LowWatermark lowWatermark,
      Limits limits,
      Time time) {
    this.registry = registry;
    this.termination = termination;
    this.steps = new LaneSteps(lanes);
    this.idleness = new Idleness(lowWatermark);
    this.hiddenUse = hiddenUse;
    this.notices = new ExpiryNotices(announcer, hiddenUse, idleness, limits, time);
    this.refusals = new RefusalEntries(engines, announcer, idleness, time);
    this.limits = limits;
    this.time = time;
  }

  /** Queues the reaps, notices and measurements that are due. Called by a timer; never blocks. */
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

  /**
   * Queues the reaps of sandboxes that reached the end that an ensure set, and the entries of those
   * that were refused connections. Called more often than {@link #tick}, because an agent counts on
   * it; asks nobody but the clock. Never blocks.
   */
  public void tickEnds() {
    for (Sandbox sandbox : registry.all()) {
      if (isOver(sandbox)) {
        var _ = queue(sandbox, Reaped.Reason.ENDS_AT, () -> isOver(sandbox));
      } else if (refusals.isDue(sandbox)) {
        queueLook(sandbox, "enter what it was refused", () -> refusals.write(sandbox));
      }
    }
  }

  private Reaped.@Nullable Reason due(Sandbox sandbox) {
    Duration maxLifetime = sandbox.profile().maxLifetime();
    if (maxLifetime != null && time.nanos() - sandbox.startedAt() >= maxLifetime.toNanos()) {
      return Reaped.Reason.LIFETIME;
    }
    if (isOver(sandbox)) {
      return Reaped.Reason.ENDS_AT;
    }
    return isIdleFor(sandbox, sandbox.idleTtl()) ? Reaped.Reason.IDLE : null;
  }

  /** Whether it reached the end that an ensure set. */
  private boolean isOver(Sandbox sandbox) {
    Instant end = sandbox.terms().endsAt();
    return end != null && !time.now().isBefore(end);
  }

  private boolean isIdleFor(Sandbox sandbox, Duration duration) {
    return idleness.isIdleFor(sandbox, duration);
  }

  /**
   * Half of the time until it may be reaped or evicted; processor time is measured in the other
   * half.
   */
  private Duration lookAfter(Sandbox sandbox) {
    Duration half = sandbox.idleTtl().dividedBy(2);
    Duration evicted = limits.evictAfter().dividedBy(2);
    Duration later = evicted.compareTo(SHORTEST_LOOK) < 0 ? SHORTEST_LOOK : evicted;
    return half.compareTo(later) < 0 ? half : later;
  }

  /** Queues a step that only looks or announces, at most one per sandbox. */
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

  /** Whether a sandbox was unused for long enough to be evicted. */
  boolean isEvictable(Sandbox sandbox) {
    return isIdleFor(sandbox, limits.evictAfter());
  }

  /**
   * Reaps a sandbox to make room, unless it turns out to be in use. Never blocks.
   *
   * @param isWanted asked in the lane when the eviction begins; not asked if another reap is queued
   */
  CompletableFuture<Void> evict(Sandbox sandbox, BooleanSupplier isWanted) {
    return queue(
        sandbox, Reaped.Reason.EVICTED, () -> isWanted.getAsBoolean() && isEvictable(sandbox));
  }

  /** Reaps faster because the worker stops, and no users wait for the engine any more. */
  public void hurry() {
    termination.hurry();
  }

  /**
   * Reaps every sandbox whose partition a predicate accepts, after the current work in those users'
   * lanes. A failed kill is retried a few times, since nobody tries again later. Never blocks.
   *
   * @param reason null to announce nothing, because somebody else does
   * @param more users whose lanes are at work, and may be making a sandbox
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

  /**
   * Queues a reap of a sandbox unless one is queued. Whether it is due is checked again in the
   * lane.
   */
  private CompletableFuture<Void> queue(Sandbox sandbox, Reaped.Reason reason, StillDue still) {
    if (!sandbox.claimReap()) {
      return CompletableFuture.completedFuture(null);
    }
    return steps.queue(
        sandbox.user(),
        "reap",
        () -> {
          try {
            reap(sandbox, reason, still);
          } catch (EngineException e) {
            sandbox.stuck();
            throw e;
          } finally {
            sandbox.releaseReap();
          }
        });
  }

  /**
   * Reaps a sandbox that is due. The engine may answer late, and many kills may be before this one:
   * unless it ends used or not, a use that is read meanwhile keeps the sandbox (I5).
   */
  private void reap(Sandbox sandbox, Reaped.Reason reason, StillDue still)
      throws EngineException, InterruptedException {
    long judgedBy = sandbox.lastActive();
    if (registry.get(sandbox.user()) != sandbox || !still.holds()) {
      return;
    }
    TerminationTarget target = TerminationTarget.of(sandbox, reason);
    if (reason == Reaped.Reason.LIFETIME || reason == Reaped.Reason.ENDS_AT) {
      termination.end(target);
      return;
    }
    HiddenUse.Answer answer = hiddenUse.ask(sandbox);
    if (isHeld(answer, reason)) {
      return;
    }
    // An exec that may hang was noted as a use by the question itself.
    long known = answer == HiddenUse.Answer.USED_FOR_LONG ? sandbox.lastActive() : judgedBy;
    termination.endIfUnused(target, () -> sandbox.lastActive() == known);
  }

  /**
   * Whether use of which no record tells keeps the sandbox. If only the next look can tell, or an
   * exec of the engine that may hang uses it, it is kept unless its place is wanted.
   */
  private static boolean isHeld(HiddenUse.Answer answer, Reaped.Reason reason) {
    return switch (answer) {
      case USED -> true;
      case UNKNOWN, USED_FOR_LONG -> reason != Reaped.Reason.EVICTED;
      case UNUSED -> false;
    };
  }

  private interface StillDue {
    boolean holds();
  }
}
