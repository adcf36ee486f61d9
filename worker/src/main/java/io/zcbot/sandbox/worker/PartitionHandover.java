package io.zcbot.sandbox.worker;

import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.config.Lifecycle;
import io.zcbot.sandbox.worker.intake.ActivityFollower;
import io.zcbot.sandbox.worker.intake.Handover;
import io.zcbot.sandbox.worker.lanes.Lanes;
import io.zcbot.sandbox.worker.sandbox.EventSink;
import io.zcbot.sandbox.worker.sandbox.Reaper;
import io.zcbot.sandbox.worker.sandbox.Takeover;
import io.zcbot.sandbox.worker.sandbox.Time;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Users come and go with their partitions; what becomes of their sandboxes is decided here. */
final class PartitionHandover implements Handover {
  private static final Logger log = LoggerFactory.getLogger(PartitionHandover.class);

  /** Eager ensures are spread, so that users who ask do not wait behind those who don't. */
  private static final Duration EAGER_PACE = Duration.ofMillis(100);

  /** A restarted worker gets its partitions back well within this. */
  private static final Duration RESTART_GRACE = Duration.ofSeconds(30);

  /** And one that has to join again, within this. */
  private static final Duration REJOIN_GRACE = Duration.ofSeconds(10);

  private final ActivityFollower follower;
  private final Reaper reaper;
  private final Takeover takeover;
  private final Lanes lanes;
  private final EventSink sink;
  private final Function<Set<Integer>, Map<String, LiveSandbox>> liveTable;
  private final StartRetry retry;
  private final ScheduledExecutorService timer;
  private final Lifecycle lifecycle;
  private final String workerId;
  private final Time time;
  private final BooleanSupplier stopping;
  private final Set<Integer> owned = ConcurrentHashMap.newKeySet();
  private final AtomicBoolean settled = new AtomicBoolean();
  private volatile long graceEnds;

  PartitionHandover(
      ActivityFollower follower,
      Reaper reaper,
      Takeover takeover,
      Lanes lanes,
      EventSink sink,
      Function<Set<Integer>, Map<String, LiveSandbox>> liveTable,
      StartRetry retry,
      ScheduledExecutorService timer,
      Lifecycle lifecycle,
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
    this.lifecycle = lifecycle;
    this.workerId = workerId;
    this.time = time;
    this.stopping = stopping;
    this.graceEnds = time.nanos() + RESTART_GRACE.toNanos();
  }

  @Override
  public CompletableFuture<Void> assigned(Set<Integer> partitions) {
    follower.assign(partitions);
    owned.addAll(partitions);
    graceEnds = time.nanos() + REJOIN_GRACE.toNanos();
    if (settled.compareAndSet(false, true)) {
      reapUnowned();
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
    owned.removeAll(partitions);
    if (!stopping.getAsBoolean()) {
      List<LiveSandbox> moving = reaper.running(partitions::contains);
      return reaper
          .reapAll(Reaped.Reason.MOVED, partitions::contains, atWork)
          .thenRun(() -> ensureAgain(moving));
    }
    return switch (lifecycle.restart()) {
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
    owned.removeAll(partitions);
    // Nothing goes yet: with all of Kafka away, this worker lost them to nobody, and gets them
    // back.
    // What others took over meanwhile goes with the next assignment, by the live table.
    settled.set(false);
    graceEnds = time.nanos() + REJOIN_GRACE.toNanos();
  }

  /** Reaps what the group gave to others while this worker was away. Called by a timer. */
  void reapStrangers() {
    if (follower.problem() != null) {
      graceEnds = time.nanos() + REJOIN_GRACE.toNanos(); // joining again takes Kafka
    } else if (time.nanos() - graceEnds > 0) {
      reapUnowned();
    }
  }

  /** Silently: whoever has their partitions announced them lost when it took them over. */
  private void reapUnowned() {
    var _ = reaper.reapAll(null, partition -> !owned.contains(partition), List.of());
  }

  private void ensureAgain(List<LiveSandbox> lost) {
    if (lifecycle.handover() != Lifecycle.Handover.EAGER) {
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
    } catch (RuntimeException e) {
      log.error("an eager ensure failed; please report this", e);
    }
  }
}
