/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.intake.Handover;
import io.zcbot.sandbox.worker.intake.PartitionStates;
import io.zcbot.sandbox.worker.reap.Takeover;
import io.zcbot.sandbox.worker.reap.Tenure;
import java.util.Collection;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;

/** Decides what becomes of users' sandboxes when partitions are assigned and revoked. */
public final class PartitionHandover implements Handover {
  private final PartitionRelease release;
  private final Takeover takeover;
  private final LogReading reading;
  private final EagerEnsures eager;
  private final PartitionStates states;
  private final BooleanSupplier stopping;
  private final Companion companion;
  private final LogChecks checks;

  /** Who reads other topics of the partitions that the group assigns. */
  public interface Companion {
    /** Users whose lanes have work of these partitions. */
    Set<UserId> atWork(Set<Integer> partitions);

    /**
     * These partitions are assigned to another worker: nothing of them begins any more.
     *
     * @return completes when what is done of them is committed
     */
    CompletableFuture<Void> leave(Set<Integer> partitions);

    /** Nobody. */
    Companion NONE =
        new Companion() {
          @Override
          public Set<UserId> atWork(Set<Integer> partitions) {
            return Set.of();
          }

          @Override
          public CompletableFuture<Void> leave(Set<Integer> partitions) {
            return CompletableFuture.completedFuture(null);
          }
        };
  }

  /**
   * Does nothing until partitions come.
   *
   * @param states of the partitions, as the intake moves them
   * @param stopping whether the worker stops: from then on owning nothing means nothing
   * @param companion reads other topics of the same partitions
   */
  public PartitionHandover(
      PartitionRelease release,
      Takeover takeover,
      LogReading reading,
      EagerEnsures eager,
      PartitionStates states,
      BooleanSupplier stopping,
      Companion companion) {
    this.release = release;
    this.takeover = takeover;
    this.reading = reading;
    this.eager = eager;
    this.states = states;
    this.stopping = stopping;
    this.companion = companion;
    this.checks =
        new LogChecks(
            reading.comparison(),
            takeover,
            states,
            task -> Thread.ofVirtual().name("log-check").start(task));
  }

  @Override
  public Map<Integer, CompletableFuture<Void>> assigned(Set<Integer> partitions, Tenure tenure) {
    checks.checkUnowned();
    return takeOver(partitions, tenure);
  }

  /** In several rounds if the live table has more entries than fit into memory at a time. */
  private Map<Integer, CompletableFuture<Void>> takeOver(Set<Integer> partitions, Tenure tenure) {
    return reading.of(
        partitions,
        number -> states.of(number).stays(),
        (some, differences) ->
            takeover
                .settle(differences, tenure)
                .thenApply(
                    lost -> {
                      eager.after(lost);
                      return differences.isComplete() ? Map.of() : takeOver(some, tenure);
                    }));
  }

  @Override
  public CompletableFuture<Void> released(Set<Integer> partitions, Collection<UserId> atWork) {
    Set<UserId> busy = new HashSet<>(atWork);
    busy.addAll(companion.atWork(partitions));
    return CompletableFuture.allOf(companion.leave(partitions), release.end(partitions, busy));
  }

  @Override
  public void lost(Set<Integer> partitions, Collection<UserId> atWork) {
    // Only what others took over goes, by what they announced: with all of Kafka away this worker
    // lost them to nobody, and gets them back. The timer looks again.
    checks.checkUnowned();
  }

  /**
   * Removes what others took over while this worker was away. Called by a timer.
   *
   * @param kafkaReached whether Kafka answers
   */
  public void removeUnowned(boolean kafkaReached) {
    if (kafkaReached && !stopping.getAsBoolean()) {
      checks.checkUnowned();
    }
  }

  /** Lists again what runs here and somebody removed from the live table. Called by a timer. */
  public void listAgain() {
    checks.checkOwned();
  }
}
