/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Network;
import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.config.GroupConfig;
import io.zcbot.sandbox.worker.sandbox.EventSink;
import io.zcbot.sandbox.worker.spec.IdleTtls;
import io.zcbot.sandbox.worker.spec.Profile;
import io.zcbot.sandbox.worker.spec.Profiles;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Publishes ensures for users whose sandboxes were lost with their host or ended as their partition
 * moved, if that is configured ({@code ZCBOT_SANDBOX_HANDOVER=eager}).
 */
public final class EagerEnsures {
  private static final Logger log = LoggerFactory.getLogger(EagerEnsures.class);

  /**
   * The pause between two such ensures, so that users who sent an ensure do not wait behind them,
   * however many partitions come at once.
   */
  private static final Duration PACE = Duration.ofMillis(100);

  private final EventSink sink;
  private final ScheduledExecutorService timer;
  private final GroupConfig.Handover mode;
  private final String workerId;
  private final Supplier<Profiles> profiles;
  private final Time time;

  /** When the last of them is due, on the monotonic clock. */
  private long last;

  /**
   * Publishes nothing until {@link #after} is called.
   *
   * @param workerId the requester that the ensures name
   * @param profiles those of this worker, whose bounds of the idle TTL hold
   */
  public EagerEnsures(
      EventSink sink,
      ScheduledExecutorService timer,
      GroupConfig.Handover mode,
      String workerId,
      Supplier<Profiles> profiles,
      Time time) {
    this.sink = sink;
    this.timer = timer;
    this.mode = mode;
    this.workerId = workerId;
    this.profiles = profiles;
    this.time = time;
    this.last = time.nanos();
  }

  /** Schedules an ensure for each sandbox that ended. Does not block. */
  void after(List<LiveSandbox> ended) {
    if (mode != GroupConfig.Handover.EAGER) {
      return;
    }
    for (LiveSandbox entry : ended) {
      var _ =
          timer.schedule(
              () -> Threads.start("eager", () -> publish(entry)),
              nextDelay(),
              TimeUnit.NANOSECONDS);
    }
  }

  private synchronized long nextDelay() {
    long now = time.nanos();
    last = now + Math.max(0, last - now) + PACE.toNanos();
    return last - now;
  }

  private void publish(LiveSandbox entry) {
    Instant now = time.now();
    if (entry.endsAt() != null && !now.isBefore(entry.endsAt())) {
      return; // it would have ended by now
    }
    Profiles known = profiles.get();
    Profile own = known.find(entry.profile());
    IdleTtls idleTtls = (own == null ? known.usual() : own).idleTtls();
    try {
      sink.publish(
          new Ensure(
              EventIds.handover(entry.userId(), entry.containerId()),
              entry.userId(),
              now,
              workerId,
              null,
              idleTtls.nearest(entry.idleTtl()),
              entry.labels().isEmpty() ? null : entry.labels(),
              entry.endsAt(),
              entry.profile().equals(ProfileName.DEFAULT) ? null : entry.profile(),
              false,
              entry.network().equals(Network.WHOLE) ? null : entry.network()));
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    } catch (StoppedException e) {
      log.info("could not create a sandbox for {} eagerly: {}", entry.userId(), e.getMessage());
    } catch (RuntimeException e) {
      log.error("an eager ensure failed; please report this", e);
    }
  }
}
