/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.Announcer;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.Ownership;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.TerminationTarget;
import io.zcbot.sandbox.worker.sandbox.UserLanes;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Acts on the differences between this host and the log. A sandbox that was announced and runs
 * nowhere was lost with its host; it is announced lost before its user's next ensure is served.
 */
public final class Takeover {
  private static final Logger log = LoggerFactory.getLogger(Takeover.class);

  private final Registry registry;
  private final Announcer announcer;
  private final Termination termination;
  private final LaneSteps steps;

  public Takeover(
      Registry registry, Announcer announcer, Termination termination, UserLanes lanes) {
    this.registry = registry;
    this.announcer = announcer;
    this.termination = termination;
    this.steps = new LaneSteps(lanes);
  }

  /**
   * Resolves the differences. Never blocks.
   *
   * @param ownership of all users' partition; without it, nothing is announced lost and no entry is
   *     written
   * @return the lost sandboxes, once all is done
   */
  public CompletableFuture<List<LiveSandbox>> settle(
      LogComparison.Differences differences, Ownership ownership) {
    List<CompletableFuture<Void>> all = new ArrayList<>();
    for (Sandbox sandbox : differences.unlisted()) {
      all.add(ifStillRunning(sandbox, "list a sandbox again", () -> relist(sandbox, ownership)));
    }
    for (Sandbox sandbox : differences.taken()) {
      all.add(
          ifStillRunning(
              sandbox, "remove a sandbox announced lost", () -> endTaken(sandbox, ownership)));
    }
    for (Sandbox sandbox : differences.superseded()) {
      all.add(
          ifStillRunning(
              sandbox,
              "remove a sandbox of another worker's user",
              () -> end(sandbox, Reaped.Reason.MOVED)));
    }
    for (LiveSandbox entry : differences.obsolete()) {
      all.add(
          steps.queue(
              entry.userId(),
              "remove an entry of no sandbox",
              () -> {
                if (!runsHere(entry) && ownership.await()) {
                  announcer.unlisted(entry, hasNone(entry.userId()));
                }
              }));
    }
    return CompletableFuture.allOf(all.toArray(CompletableFuture[]::new))
        .thenCompose(_ -> announceLost(differences.lost(), ownership));
  }

  /**
   * Announces lost sandboxes. Never blocks.
   *
   * @param ownership of their users' partition; without it, nothing is announced
   * @return those that were announced, once all are
   */
  public CompletableFuture<List<LiveSandbox>> announceLost(
      Collection<LiveSandbox> entries, Ownership ownership) {
    List<LiveSandbox> lost = Collections.synchronizedList(new ArrayList<>());
    List<CompletableFuture<Void>> all = new ArrayList<>();
    for (LiveSandbox entry : entries) {
      all.add(
          steps.queue(
              entry.userId(),
              "announce a lost sandbox",
              () -> {
                if (!runsHere(entry) && announceLoss(entry, ownership)) {
                  lost.add(entry);
                }
              }));
    }
    return CompletableFuture.allOf(all.toArray(CompletableFuture[]::new))
        .thenApply(
            _ -> {
              if (!lost.isEmpty()) {
                log.info(
                    "{} sandboxes of users whose partitions were taken over were lost",
                    lost.size());
              }
              return List.copyOf(lost);
            });
  }

  /** Announces a lost sandbox; false if its user is another worker's before the log has that. */
  private boolean announceLoss(LiveSandbox entry, Ownership ownership) throws InterruptedException {
    UserId user = entry.userId();
    try {
      announcer.lost(entry, hasNone(user), () -> require(ownership));
      return true;
    } catch (FencedException e) {
      log.info("{} is left to the user's next worker: {}", entry.containerId(), e.getMessage());
      return false;
    }
  }

  private static void require(Ownership ownership) throws FencedException, InterruptedException {
    if (!ownership.await()) {
      throw new FencedException("the assignment in which it was found lost is over");
    }
  }

  private CompletableFuture<Void> ifStillRunning(
      Sandbox sandbox, String what, LaneSteps.Step step) {
    return steps.queue(
        sandbox.user(),
        what,
        () -> {
          if (registry.get(sandbox.user()) == sandbox) {
            step.run();
          }
        });
  }

  /**
   * Writes a missing entry again; somebody removed it, or the whole table. Not for a user whom
   * another worker owns: that worker's next sandbox would not end this one.
   */
  private void relist(Sandbox sandbox, Ownership ownership) throws InterruptedException {
    if (!ownership.await()) {
      return;
    }
    log.warn(
        "{} runs here but is not in the live table; it is listed again", sandbox.containerId());
    announcer.listedAgain(sandbox);
  }

  /**
   * Ends a sandbox whose user another worker took over.
   *
   * @param reason null if that worker announced its end
   */
  private void end(Sandbox sandbox, Reaped.@Nullable Reason reason)
      throws EngineException, InterruptedException {
    log.info(
        "the user of {} was taken over by another worker; it is removed", sandbox.containerId());
    termination.end(TerminationTarget.of(sandbox, reason));
  }

  /** Ends a sandbox whose end another worker announced, perhaps without removing its entries. */
  private void endTaken(Sandbox sandbox, Ownership ownership)
      throws EngineException, InterruptedException {
    end(sandbox, null);
    if (ownership.await()) {
      announcer.unlisted(announcer.entryOf(sandbox), hasNone(sandbox.user()));
    }
  }

  /** The sandboxes that run here for users of some partitions, as entries of the live table. */
  public List<LiveSandbox> running(Predicate<Integer> ofPartition) {
    return registry.all().stream()
        .filter(sandbox -> ofPartition.test(sandbox.partition()))
        .map(announcer::entryOf)
        .toList();
  }

  private boolean hasNone(UserId user) {
    return registry.get(user) == null;
  }

  private boolean runsHere(LiveSandbox entry) {
    Sandbox known = registry.get(entry.userId());
    return known != null && known.containerId().equals(entry.containerId());
  }
}
