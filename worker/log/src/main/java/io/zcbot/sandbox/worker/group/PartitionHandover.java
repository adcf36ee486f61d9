/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.intake.Handover;
import io.zcbot.sandbox.worker.reap.LogComparison;
import io.zcbot.sandbox.worker.reap.Takeover;
import io.zcbot.sandbox.worker.sandbox.Ownership;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.function.Function;

/**
 * Decides what happens to users' sandboxes when partitions are assigned, revoked or lost. Called on
 * the intake's poll thread and by timers; no method blocks.
 */
public final class PartitionHandover implements Handover {
  private final PartitionRelease release;
  private final Takeover takeover;
  private final LogReading reading;
  private final EagerEnsures eager;
  private final BooleanSupplier stopping;
  private final Function<Set<Integer>, CompletableFuture<Void>> leaving;
  private final LogChecks checks;

  /**
   * Does nothing until partitions are assigned.
   *
   * @param stopping whether the worker stops; it then keeps sandboxes of partitions that it gave up
   * @param leaving lets no command of revoked partitions begin any more; completes when what is
   *     done in them is committed. Does not block
   */
  public PartitionHandover(
      PartitionRelease release,
      Takeover takeover,
      LogReading reading,
      EagerEnsures eager,
      BooleanSupplier stopping,
      Function<Set<Integer>, CompletableFuture<Void>> leaving) {
    this.release = release;
    this.takeover = takeover;
    this.reading = reading;
    this.eager = eager;
    this.stopping = stopping;
    this.leaving = leaving;
    this.checks = new LogChecks(reading, takeover, task -> Threads.start("log-check", task));
  }

  @Override
  public Map<Integer, CompletableFuture<Void>> assigned(Map<Integer, Ownership> partitions) {
    checks.assigned(partitions);
    checks.checkUnowned();
    return takeOver(partitions.keySet(), partitions);
  }

  private Map<Integer, CompletableFuture<Void>> takeOver(
      Set<Integer> partitions, Map<Integer, Ownership> ownerships) {
    return reading.of(
        partitions,
        number -> Objects.requireNonNull(ownerships.get(number)).isKept(),
        (some, differences) -> settle(some, differences, ownerships));
  }

  /**
   * Settles each partition by itself, since a user of one may be held up for long. Only if the live
   * table has more entries than fit into memory, all wait for each other, and are read again.
   */
  private Map<Integer, CompletableFuture<Void>> settle(
      Set<Integer> partitions,
      LogComparison.Differences differences,
      Map<Integer, Ownership> ownerships) {
    Map<Integer, CompletableFuture<Void>> settled = new HashMap<>();
    for (int number : partitions) {
      settled.put(
          number,
          takeover
              .settle(
                  reading.comparison().ofPartition(number, differences),
                  Objects.requireNonNull(ownerships.get(number)))
              .thenAccept(eager::after));
    }
    if (differences.isComplete()) {
      return settled;
    }
    CompletableFuture<Map<Integer, CompletableFuture<Void>>> rest =
        CompletableFuture.allOf(settled.values().toArray(CompletableFuture[]::new))
            .thenApply(_ -> takeOver(partitions, ownerships));
    settled.replaceAll(
        (number, _) -> rest.thenCompose(again -> Objects.requireNonNull(again.get(number))));
    return settled;
  }

  @Override
  public CompletableFuture<Void> released(Set<Integer> partitions) {
    return CompletableFuture.allOf(leaving.apply(partitions), release.end(partitions));
  }

  @Override
  public void lost(Set<Integer> partitions) {
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
