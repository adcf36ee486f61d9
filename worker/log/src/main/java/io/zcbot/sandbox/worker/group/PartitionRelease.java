/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.config.GroupConfig;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.lanes.Lanes;
import io.zcbot.sandbox.worker.reap.Reaper;
import io.zcbot.sandbox.worker.reap.Takeover;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;

/** Ends or keeps the sandboxes of partitions that the group revokes. */
public final class PartitionRelease {
  private final Reaper reaper;
  private final Takeover takeover;
  private final Lanes lanes;
  private final KeyPartitions keys;
  private final EagerEnsures eager;
  private final GroupConfig.Restart restart;
  private final BooleanSupplier stopping;

  /**
   * Ends nothing until partitions are revoked.
   *
   * @param restart what happens to sandboxes when the worker stops
   * @param stopping whether the worker stops
   */
  public PartitionRelease(
      Reaper reaper,
      Takeover takeover,
      Lanes lanes,
      KeyPartitions keys,
      EagerEnsures eager,
      GroupConfig.Restart restart,
      BooleanSupplier stopping) {
    this.reaper = reaper;
    this.takeover = takeover;
    this.lanes = lanes;
    this.keys = keys;
    this.eager = eager;
    this.restart = restart;
    this.stopping = stopping;
  }

  /**
   * Ends the sandboxes, or, if the worker stops and will adopt them, only waits for their users'
   * lanes. Does not block.
   *
   * @return completes when that is done
   */
  CompletableFuture<Void> end(Set<Integer> partitions) {
    Set<UserId> atWork = atWork(partitions);
    if (!stopping.getAsBoolean()) {
      List<LiveSandbox> moving = takeover.running(partitions::contains);
      return reaper
          .reapAll(Reaped.Reason.MOVED, partitions::contains, atWork)
          .thenRun(() -> eager.after(ended(moving, partitions)));
    }
    return switch (restart) {
      case PURGE -> reaper.reapAll(Reaped.Reason.SHUTDOWN, partitions::contains, atWork);
      case ADOPT -> through(atWork);
    };
  }

  private Set<UserId> atWork(Set<Integer> partitions) {
    return lanes.users().stream()
        .filter(user -> partitions.contains(keys.of(user)))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  /** Leaves out sandboxes that the engine did not end: a new one must not run beside them. */
  private List<LiveSandbox> ended(List<LiveSandbox> moving, Set<Integer> partitions) {
    Set<String> left =
        takeover.running(partitions::contains).stream()
            .map(LiveSandbox::containerId)
            .collect(Collectors.toSet());
    return moving.stream().filter(entry -> !left.contains(entry.containerId())).toList();
  }

  /**
   * Completes when the current work of these lanes is done; the sandboxes stay for the next start.
   */
  private CompletableFuture<Void> through(Collection<UserId> users) {
    return CompletableFuture.allOf(
        users.stream()
            .map(
                user -> {
                  CompletableFuture<Void> through = new CompletableFuture<>();
                  if (!lanes.submit(user, () -> through.complete(null))) {
                    through.complete(null);
                  }
                  return through;
                })
            .toArray(CompletableFuture[]::new));
  }
}
