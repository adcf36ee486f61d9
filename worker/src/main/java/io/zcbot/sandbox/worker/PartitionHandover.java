/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.config.GroupConfig;
import io.zcbot.sandbox.worker.intake.ActivityFollower;
import io.zcbot.sandbox.worker.intake.Handover;
import io.zcbot.sandbox.worker.lanes.Lanes;
import io.zcbot.sandbox.worker.reap.Reaper;
import io.zcbot.sandbox.worker.reap.Takeover;
import io.zcbot.sandbox.worker.sandbox.EventSink;
import io.zcbot.sandbox.worker.sandbox.StoppedException;
import io.zcbot.sandbox.worker.sandbox.Time;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Users come and go with their partitions; what becomes of their sandboxes is decided here. */
final class PartitionHandover implements Handover {
  private static final Logger log = LoggerFactory.getLogger(PartitionHandover.class);

  /** Eager ensures are spread, so that users who ask do not wait behind those who don't. */
  private static final Duration EAGER_PACE = Duration.ofMillis(100);

  private final ActivityFollower follower;
  private final Reaper reaper;
  private final Takeover takeover;
  private final Lanes lanes;
  private final EventSink sink;
  private final Function<Set<Integer>, Map<String, LiveSandbox>> liveTable;
  private final StartRetry retry;
  private final ScheduledExecutorService timer;
  private final GroupConfig group;
  private final String workerId;
  private final Time time;
  private final BooleanSupplier stopping;
  private final Ownership ownership;
  private final UnownedSandboxes unowned;

  PartitionHandover(
      ActivityFollower follower,
      Reaper reaper,
      Takeover takeover,
      Lanes lanes,
      EventSink sink,
      Function<Set<Integer>, Map<String, LiveSandbox>> liveTable,
      StartRetry retry,
      ScheduledExecutorService timer,
      GroupConfig group,
      String workerId,
      Time time,
      BooleanSupplier stopping) {
    this.follower = follower;
    this.reaper = reaper;
    this.takeover = takeover;
    this.lanes = lanes;
    this.sink = sink;
    this.liveTable = liveTable;
    this.retry = retry;
    this.timer = timer;
    this.group = group;
    this.workerId = workerId;
    this.time = time;
    this.stopping = stopping;
    this.ownership = new Ownership(time);
    this.unowned =
        new UnownedSandboxes(
            takeover, ownership, liveTable, task -> Thread.ofVirtual().name("unowned").start(task));
  }

  @Override
  public CompletableFuture<Void> assigned(Set<Integer> partitions) {
    follower.assign(partitions);
    if (ownership.assigned(partitions)) {
      unowned.check();
    }
    return readLive(partitions)
        .thenCompose(
            entries ->
                takeover
                    .disown(partitions, entries.keySet())
                    .thenCompose(_ -> takeover.takeOver(entries.values()))
                    .thenAccept(this::ensureAgain));
  }

  private CompletableFuture<Map<String, LiveSandbox>> readLive(Set<Integer> partitions) {
    CompletableFuture<Map<String, LiveSandbox>> live = new CompletableFuture<>();
    Thread.ofVirtual()
        .name("takeover")
        .start(
            () -> {
              try {
                live.complete(
                    retry.untilItWorks(
                        "read the live sandboxes of the assigned partitions",
                        () -> liveTable.apply(partitions),
                        org.apache.kafka.common.KafkaException.class::isInstance));
              } catch (Exception e) {
                live.completeExceptionally(e);
              }
            });
    return live;
  }

  @Override
  public CompletableFuture<Void> released(Set<Integer> partitions, Collection<UserId> atWork) {
    follower.release(partitions);
    if (!stopping.getAsBoolean()) {
      List<LiveSandbox> moving = takeover.running(partitions::contains);
      CompletableFuture<Void> moved =
          reaper
              .reapAll(Reaped.Reason.MOVED, partitions::contains, atWork)
              .thenRun(() -> ensureAgain(moving));
      ownership.released(partitions); // after the announcing reaps are queued
      return moved;
    }
    ownership.stopping();
    return switch (group.restart) {
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
    follower.release(partitions);
    ownership.lost(partitions);
    // Only what others announced lost goes, by the live table: with all of Kafka away this worker
    // lost them to nobody, and gets them back. The next assignment looks again.
    var _ = readLive(partitions).thenCompose(live -> takeover.disown(partitions, live.keySet()));
  }

  /** Removes what others took over while this worker was away. Called by a timer. */
  void removeUnowned() {
    if (!stopping.getAsBoolean() && ownership.isCertain(follower.problem() == null)) {
      unowned.check();
    }
  }

  private void ensureAgain(List<LiveSandbox> lost) {
    if (group.handover != GroupConfig.Handover.EAGER) {
      return;
    }
    long delay = 0;
    for (LiveSandbox entry : lost) {
      delay += EAGER_PACE.toMillis();
      var _ =
          timer.schedule(
              () -> Thread.ofVirtual().name("eager").start(() -> ensureAgain(entry)),
              delay,
              TimeUnit.MILLISECONDS);
    }
  }

  private void ensureAgain(LiveSandbox entry) {
    try {
      sink.publish(
          new Ensure(
              EventIds.handover(entry.containerId()), entry.userId(), time.now(), workerId, null));
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    } catch (StoppedException e) {
      log.info("no eager ensure of {}: {}", entry.userId(), e.getMessage());
    } catch (RuntimeException e) {
      log.error("an eager ensure failed; please report this", e);
    }
  }
}
