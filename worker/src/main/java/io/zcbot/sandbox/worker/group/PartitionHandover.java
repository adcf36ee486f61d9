/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.config.GroupConfig;
import io.zcbot.sandbox.worker.intake.Handover;
import io.zcbot.sandbox.worker.lanes.Lanes;
import io.zcbot.sandbox.worker.reap.Reaper;
import io.zcbot.sandbox.worker.reap.Takeover;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/** Decides what becomes of users' sandboxes when partitions are assigned and revoked. */
public final class PartitionHandover implements Handover {
  private final Reaper reaper;
  private final Takeover takeover;
  private final Lanes lanes;
  private final LiveEntries live;
  private final EagerEnsures eager;
  private final GroupConfig.Restart restart;
  private final PartitionOwnership ownership;
  private final UnownedSandboxes unowned;

  /**
   * Does nothing until partitions come.
   *
   * @param restart what becomes of sandboxes when the worker stops
   */
  public PartitionHandover(
      Reaper reaper,
      Takeover takeover,
      Lanes lanes,
      LiveEntries live,
      EagerEnsures eager,
      GroupConfig.Restart restart,
      PartitionOwnership ownership) {
    this.reaper = reaper;
    this.takeover = takeover;
    this.lanes = lanes;
    this.live = live;
    this.eager = eager;
    this.restart = restart;
    this.ownership = ownership;
    this.unowned =
        new UnownedSandboxes(
            takeover,
            ownership,
            live.read(),
            task -> Thread.ofVirtual().name("unowned").start(task));
  }

  @Override
  public CompletableFuture<Void> assigned(Set<Integer> partitions) {
    if (ownership.assigned()) {
      unowned.check();
    }
    return live.of(partitions)
        .thenCompose(
            entries ->
                takeover
                    .disown(partitions, entries.keySet())
                    .thenCompose(_ -> takeover.takeOver(entries.values()))
                    .thenAccept(eager::after));
  }

  @Override
  public CompletableFuture<Void> released(Set<Integer> partitions, Collection<UserId> atWork) {
    if (!ownership.isStopping()) {
      List<LiveSandbox> moving = takeover.running(partitions::contains);
      return reaper
          .reapAll(Reaped.Reason.MOVED, partitions::contains, atWork)
          .thenRun(() -> eager.after(moving));
    }
    return switch (restart) {
      case PURGE -> reaper.reapAll(Reaped.Reason.SHUTDOWN, partitions::contains, atWork);
      case ADOPT -> through(atWork);
    };
  }

  /** What runs in these lanes now ends; the sandboxes stay for the next start. */
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

  @Override
  public void lost(Set<Integer> partitions, Collection<UserId> atWork) {
    ownership.lost();
    // Only what others announced lost goes, by the live table: with all of Kafka away this worker
    // lost them to nobody, and gets them back. The next assignment looks again.
    var _ =
        live.of(partitions).thenCompose(entries -> takeover.disown(partitions, entries.keySet()));
  }

  /**
   * Removes what others took over while this worker was away. Called by a timer.
   *
   * @param kafkaReached whether Kafka answers
   */
  public void removeUnowned(boolean kafkaReached) {
    if (ownership.isCertain(kafkaReached)) {
      unowned.check();
    }
  }
}
