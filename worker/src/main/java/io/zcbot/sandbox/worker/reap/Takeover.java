/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.Announcer;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.TerminationTarget;
import io.zcbot.sandbox.worker.sandbox.UserLanes;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes over the users of partitions that became this worker's: a sandbox in the live table that
 * does not run here was lost with its host, and is announced lost before the user's next ensure is
 * served.
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
   * Announces what is lost.
   *
   * @param live the partitions' entries of the live table
   * @return what was lost, once all is announced
   */
  public CompletableFuture<List<LiveSandbox>> takeOver(Collection<LiveSandbox> live) {
    List<LiveSandbox> lost = Collections.synchronizedList(new ArrayList<>());
    List<CompletableFuture<Void>> all = new ArrayList<>();
    for (LiveSandbox entry : live) {
      all.add(
          steps.queue(
              entry.userId(),
              "announce a lost sandbox",
              () -> {
                if (!runsHere(entry)) {
                  announcer.lost(entry);
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

  /**
   * Removes, silently, what runs here for users of some partitions and is not in the live table: a
   * restart adopted it, but whoever had its user meanwhile announced it lost.
   *
   * @param live the containers in the partitions' part of the live table
   * @return completes, once all is gone
   */
  public CompletableFuture<Void> disown(Set<Integer> partitions, Set<String> live) {
    List<CompletableFuture<Void>> all = new ArrayList<>();
    for (Sandbox sandbox : registry.all()) {
      if (partitions.contains(sandbox.partition()) && !live.contains(sandbox.containerId())) {
        all.add(
            steps.queue(sandbox.user(), "remove a sandbox announced lost", () -> disown(sandbox)));
      }
    }
    return CompletableFuture.allOf(all.toArray(CompletableFuture[]::new));
  }

  private void disown(Sandbox sandbox) throws EngineException, InterruptedException {
    if (registry.get(sandbox.user()) == sandbox) {
      log.info("{} was announced lost by another worker and is removed", sandbox.containerId());
      termination.end(TerminationTarget.of(sandbox, null));
    }
  }

  /** The partitions whose users have a sandbox here. */
  public Set<Integer> partitions() {
    return registry.all().stream().map(Sandbox::partition).collect(Collectors.toSet());
  }

  /** The sandboxes that run here for users of some partitions. */
  public List<LiveSandbox> running(Predicate<Integer> ofPartition) {
    return registry.all().stream()
        .filter(sandbox -> ofPartition.test(sandbox.partition()))
        .map(announcer::entryOf)
        .toList();
  }

  private boolean runsHere(LiveSandbox entry) {
    Sandbox known = registry.get(entry.userId());
    return known != null && known.containerId().equals(entry.containerId());
  }
}
