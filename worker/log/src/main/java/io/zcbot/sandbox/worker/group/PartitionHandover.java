/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.intake.Handover;
import io.zcbot.sandbox.worker.intake.PartitionStates;
import io.zcbot.sandbox.worker.reap.LogComparison;
import io.zcbot.sandbox.worker.reap.Takeover;
import io.zcbot.sandbox.worker.reap.Tenure;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;

/**
 * Decides what happens to users' sandboxes when partitions are assigned, revoked or lost. Called on
 * the intake's poll thread and by timers; no method blocks.
 */
public final class PartitionHandover implements Handover {
  private final PartitionRelease release;
  private final Takeover takeover;
  private final LogReading reading;
  private final EagerEnsures eager;
  private final PartitionStates states;
  private final BooleanSupplier stopping;
  private final Companion companion;
  private final LogChecks checks;

  /** Another reader of the assigned partitions, of other topics. */
  public interface Companion {
    /** The users whose lanes have work of these partitions. */
    Set<UserId> atWork(Set<Integer> partitions);

    /**
     * Leaves partitions that are being revoked: nothing of them begins any more. Does not block.
     *
     * @return completes when what is done in them is committed
     */
    CompletableFuture<Void> leave(Set<Integer> partitions);

    /** No other reader. */
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
   * Does nothing until partitions are assigned.
   *
   * @param states of the partitions, as the intake changes them
   * @param stopping whether the worker stops; it then keeps sandboxes of partitions that it gave up
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
            reading.comparison(), takeover, states, task -> Threads.start("log-check", task));
  }

  @Override
  public Map<Integer, CompletableFuture<Void>> assigned(Set<Integer> partitions, Tenure tenure) {
    checks.assigned(partitions, tenure);
    checks.checkUnowned();
    return takeOver(partitions, tenure);
  }

  private Map<Integer, CompletableFuture<Void>> takeOver(Set<Integer> partitions, Tenure tenure) {
    return reading.of(
        partitions,
        number -> states.of(number).stays(),
        (some, differences) -> settle(some, differences, tenure));
  }

  /**
   * Settles each partition by itself, since a user of one may be held up for long. Only if the live
   * table has more entries than fit into memory, all wait for each other, and are read again.
   */
  private Map<Integer, CompletableFuture<Void>> settle(
      Set<Integer> partitions, LogComparison.Differences differences, Tenure tenure) {
    Map<Integer, CompletableFuture<Void>> settled = new HashMap<>();
    for (int number : partitions) {
      settled.put(
          number,
          takeover
              .settle(reading.comparison().ofPartition(number, differences), tenure)
              .thenAccept(eager::after));
    }
    if (differences.isComplete()) {
      return settled;
    }
    CompletableFuture<Map<Integer, CompletableFuture<Void>>> rest =
        CompletableFuture.allOf(settled.values().toArray(CompletableFuture[]::new))
            .thenApply(_ -> takeOver(partitions, tenure));
    settled.replaceAll(
        (number, _) -> rest.thenCompose(again -> Objects.requireNonNull(again.get(number))));
    return settled;
  }

  @Override
  public CompletableFuture<Void> released(Set<Integer> partitions, Collection<UserId> atWork) {
    Set<UserId> busy = new HashSet<>(atWork);
    busy.addAll(companion.atWork(partitions));
    return CompletableFuture.allOf(companion.leave(partitions), release.end(partitions, busy));
  }

  @Override
  public void lost(Set<Integer> partitions, Collection<UserId> atWork) {
    // Removes only sandboxes that other workers took over, as their announcements show: while all
    // of Kafka is away, nobody takes over, and the partitions come back. The timer checks again.
    checks.checkUnowned();
  }

  /**
   * Removes sandboxes that other workers took over while this worker was away. Called by a timer.
   *
   * @param kafkaReached whether Kafka answers
   */
  public void removeUnowned(boolean kafkaReached) {
    if (kafkaReached && !stopping.getAsBoolean()) {
      checks.checkUnowned();
    }
  }

  /** Compares the users of owned partitions with the log again. Called by a timer. */
  public void compareOwned() {
    checks.checkOwned();
  }
}
