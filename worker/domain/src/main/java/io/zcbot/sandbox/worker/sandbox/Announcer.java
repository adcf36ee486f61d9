/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.CurrentSandbox;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.Expiring;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.engine.Container;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Objects;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;
import org.slf4j.event.Level;

/**
 * Announces what happens to users' sandboxes, in events and in the live table. All announcements
 * are made here, so that the two agree: an entry of the live table is written before ready is
 * published, and removed after reaped is. Thread-safe; the calls block until the log has what they
 * write.
 */
public final class Announcer {
  private static final Logger log = LoggerFactory.getLogger(Announcer.class);

  private final EventSink sink;
  private final LiveSandboxTable table;
  private final CurrentSandboxes current;
  private final Identity identity;
  private final Time time;
  private final SandboxMetrics metrics;
  private final Consumer<UserId> served;

  /**
   * Creates the announcer of one worker.
   *
   * @param served is called with each user whose sandbox was announced reaped, on this or another
   *     host
   */
  public Announcer(
      EventSink sink,
      LiveSandboxTable table,
      CurrentSandboxes current,
      Identity identity,
      Time time,
      SandboxMetrics metrics,
      Consumer<UserId> served) {
    this.sink = sink;
    this.table = table;
    this.current = current;
    this.identity = identity;
    this.time = time;
    this.metrics = metrics;
    this.served = served;
  }

  /** Enters a sandbox in the live table, before its ready is published. */
  public void opened(Sandbox sandbox, Fence fence) throws FencedException, InterruptedException {
    table.open(entryOf(sandbox), fence);
  }

  /** Writes the entry of a ready sandbox to the live table again: it is missing, or out of date. */
  public void listedAgain(Sandbox sandbox) throws InterruptedException {
    table.open(entryOf(sandbox));
  }

  /**
   * Enters a sandbox, whose ready was published, in the table of current sandboxes, unless this
   * process did so before with the same labels, end and network. An adopted one is entered again,
   * since the previous run may have stopped before.
   *
   * @throws FencedException if another worker owns the user's partition by now
   */
  public void current(Sandbox sandbox, Ready ready) throws FencedException, InterruptedException {
    CurrentSandbox before = sandbox.entered();
    if (before != null
        && before.labels().equals(ready.labels())
        && Objects.equals(before.endsAt(), ready.endsAt())
        && before.network().equals(ready.network())) {
      return;
    }
    CurrentSandbox entry = CurrentSandbox.of(ready);
    current.enter(entry);
    sandbox.entered(entry);
  }

  /**
   * Removes an entry of the live table whose sandbox needs no announcement.
   *
   * @param isLast whether its user has no sandbox
   */
  public void unlisted(LiveSandbox entry, boolean isLast) throws InterruptedException {
    try {
      if (isLast) {
        current.remove(entry.userId()); // the worker that announced its end may have stopped then
      }
      table.close(entry.userId(), entry.containerId());
    } catch (FencedException e) {
      leave(entry.containerId(), e);
    }
  }

  /** The entry of a sandbox of this worker for the live table. */
  public LiveSandbox entryOf(Sandbox sandbox) {
    Terms terms = sandbox.terms();
    return new LiveSandbox(
        sandbox.user(),
        sandbox.containerId(),
        identity.host(),
        identity.workerId(),
        sandbox.openedAt(time.now()),
        terms.idleTtl(),
        sandbox.containerStartedAt(),
        terms.labels(),
        terms.endsAt(),
        sandbox.profile().name(),
        terms.network(),
        sandbox.refused());
  }

  /**
   * Answers an ensure.
   *
   * @param arrived when the ensure was read, on the monotonic clock
   * @param request what the ensure's headers say
   * @param fence passed before each try
   */
  public void ready(Ready ready, long arrived, RequestContext request, Fence fence)
      throws FencedException, InterruptedException {
    sink.answering(request).publish(ready, fence);
    Duration took = Duration.ofNanos(time.nanos() - arrived);
    String outcome = ready.outcome().wire();
    metrics.ensured(outcome, took);
    try (var _ = MDC.putCloseable("container", ready.containerId())) {
      log.atLevel(ready.outcome() == Ready.Outcome.REUSED ? Level.DEBUG : Level.INFO)
          .log("ready ({}) in {} ms", outcome, took.toMillis());
    }
  }

  /** As {@link #ready}, for an ensure that failed. */
  public void failed(Failed failed, long arrived, RequestContext request, Fence fence)
      throws FencedException, InterruptedException {
    sink.answering(request).publish(failed, fence);
    metrics.ensured(failed.reason().wire(), Duration.ofNanos(time.nanos() - arrived));
    // Refusals for want of room come in floods; the admission logs a summary.
    log.atLevel(failed.reason() == Failed.Reason.CAPACITY ? Level.DEBUG : Level.WARN)
        .log("failed ({}): {}", failed.reason().wire(), failed.message());
  }

  /**
   * Announces that a sandbox of this host will end unless something happens.
   *
   * @param end when, on the monotonic clock
   */
  public void expiring(Sandbox sandbox, Expiring.Reason reason, long end)
      throws InterruptedException {
    expiring(sandbox, reason, wallClock(end).truncatedTo(ChronoUnit.MILLIS));
  }

  /** As {@link #expiring(Sandbox, Expiring.Reason, long)}, for an end by the wall clock. */
  public void expiring(Sandbox sandbox, Expiring.Reason reason, Instant endsAt)
      throws InterruptedException {
    sink.publish(
        new Expiring(
            EventIds.expiring(sandbox.user(), sandbox.containerId(), reason, endsAt),
            sandbox.user(),
            time.now(),
            sandbox.containerId(),
            endsAt,
            reason));
  }

  /** Announces the end of a sandbox of this host. */
  public void reaped(TerminationTarget target, Reaped.Reason reason) throws InterruptedException {
    sink.publish(eventOf(target, reason, identity.host()));
    afterReaped(target, reason, true);
  }

  /**
   * Announces that a sandbox was lost with its host.
   *
   * @param isLast whether its user has no other sandbox
   * @param fence passed before each try: the sandbox may run on the host of the user's next owner
   */
  public void lost(LiveSandbox entry, boolean isLast, Fence fence)
      throws FencedException, InterruptedException {
    TerminationTarget target = TerminationTarget.lost(entry);
    try (var _ = MDC.putCloseable("container", entry.containerId())) {
      sink.publish(eventOf(target, Reaped.Reason.LOST, entry.host()), fence);
      afterReaped(target, Reaped.Reason.LOST, isLast);
    }
  }

  private Reaped eventOf(TerminationTarget target, Reaped.Reason reason, String host) {
    Sandbox sandbox = target.sandbox();
    Sandbox.LastUse last = sandbox == null ? null : sandbox.lastUse();
    return new Reaped(
        EventIds.reaped(target.user(), target.containerId()),
        target.user(),
        time.now(),
        new ContainerRef(
            Container.nameOf(target.user()), target.containerId(), host, identity.workerId()),
        reason,
        last == null ? null : wallClock(last.at()),
        target.exitCode(),
        target.oomKilled(),
        last == null ? null : last.use());
  }

  /** Updates the tables and counts, after the event. */
  private void afterReaped(TerminationTarget target, Reaped.Reason reason, boolean isLast)
      throws InterruptedException {
    try {
      if (reason == Reaped.Reason.PURGED) { // no partitions are assigned, or not yet
        current.purge(target.user());
      } else if (isLast) {
        current.remove(target.user());
      }
      table.close(target.user(), target.containerId());
    } catch (FencedException e) {
      leave(target.containerId(), e);
    }
    served.accept(target.user());
    metrics.reaped(reason);
    Integer exitCode = target.exitCode();
    log.info("reaped ({}){}", reason.wire(), exitCode == null ? "" : ", exit code " + exitCode);
  }

  /**
   * Leaves entries in the tables, because the user's next owner may have announced another sandbox.
   * That worker finds the entry when it takes the partition over, and removes the user from both
   * tables.
   */
  private static void leave(String containerId, FencedException why) {
    log.info(
        "the entries of {} are left to the user's next worker: {}", containerId, why.getMessage());
  }

  private Instant wallClock(long nanos) {
    return time.now().minus(Duration.ofNanos(time.nanos() - nanos));
  }
}
