/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Expiring;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Release;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Started;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.result.ProgramText;
import io.zcbot.sandbox.worker.console.Notices.Kind;
import io.zcbot.sandbox.worker.console.Notices.Notice;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** What events tell about users, requests and failures. Guarded by the lock of {@link Fleet}. */
final class FleetEvents {
  /** Workers work on a request for at most ten minutes; the rest allows for clock skew. */
  private static final Duration LONGEST_OPEN = Duration.ofMinutes(11);

  private static final int FAILURES_KEPT = 500;

  final Requests ensures = new Requests();
  final Requests execs = new Requests();
  final Rates rates = new Rates();
  final Timelines timelines = new Timelines();
  final Notices failures;
  final Hosts hosts;
  private final Sandboxes sandboxes;
  private final SharedNames names;

  FleetEvents(Sandboxes sandboxes, Hosts hosts, SharedNames names, long versionBefore) {
    this.failures = new Notices(FAILURES_KEPT, versionBefore);
    this.sandboxes = sandboxes;
    this.hosts = hosts;
    this.names = names;
  }

  /**
   * Adds an event.
   *
   * @param time of its record
   */
  void on(SandboxEvent event, long time) {
    switch (event) {
      case Ensure ensure -> asked(ensure, time);
      case Ready ready -> ready(ready, time);
      case Failed failed -> failed(failed, time);
      case Reaped reaped -> reaped(reaped, time);
      case Activity activity -> {
        used(activity.userId(), time, "activity");
        note(activity, time, "activity", "");
      }
      case Exec exec -> exec(exec, time);
      case Exited exited -> exited(exited, time);
      case Release release -> note(release, time, "release", "");
      case Expiring expiring -> expiring(expiring, time);
      case Input _, Started _, Output _ -> {} // these topics are not read
    }
  }

  private void asked(Ensure ensure, long time) {
    rates.asked(time);
    Requests.Open request =
        new Requests.Open(ensure.userId().toString(), time, ShownText.name(ensure.eventId()));
    Long answered = ensures.asked(ensure.eventId(), request);
    if (answered != null) {
      rates.ready(answered, answered - time);
    }
    note(ensure, time, "ensure", by(ensure.requestedBy()));
  }

  private void ready(Ready ready, long time) {
    Requests.Open request = ensures.answered(ready.userId(), ready.ensureId(), time);
    if (request != null) {
      rates.ready(time, time - request.time());
    }
    hosts.seen(ready.container().host(), ready.workerId(), time);
    timelines.used(ready.userId(), time, "ensure");
    SandboxRow row = sandboxes.of(ready.containerId());
    if (row != null) {
      row.ready(ReadyFacts.of(ready, names), time);
      sandboxes.changed(row);
    } else {
      timelines.ready(ready.userId(), ReadyFacts.of(ready, names), time);
    }
    note(
        ready,
        time,
        "ready",
        ready.outcome().wire() + " in " + ready.tookMs() + " ms on " + ready.container().host());
  }

  private void failed(Failed failed, long time) {
    var _ = ensures.answered(failed.userId(), failed.ensureId(), time);
    Kind kind = new Kind("ensure failed", failed.reason().wire());
    tell(failed, time, kind, failed.message(), 0);
    note(failed, time, kind.what(), kind.reason() + ": " + failed.message());
  }

  private void reaped(Reaped reaped, long time) {
    if (reaped.reason() != Reaped.Reason.LOST) { // another worker tells of a host that is gone
      hosts.seen(reaped.container().host(), reaped.workerId(), time);
    }
    String reason = reaped.reason().wire();
    String details =
        "on "
            + reaped.container().host()
            + (reaped.exitCode() == null ? "" : ", exit code " + reaped.exitCode())
            + (Boolean.TRUE.equals(reaped.oomKilled()) ? ", out of memory" : "");
    switch (reaped.reason()) {
      case DIED, LOST, EVICTED -> {
        tell(reaped, time, new Kind("sandbox ended", reason), details, 0);
        note(reaped, time, "sandbox ended", reason + " " + details);
      }
      case IDLE, PURGED, MOVED, LIFETIME, ENDS_AT, REPLACED, REQUESTED, SHUTDOWN, UNKNOWN ->
          note(reaped, time, "reaped", reason + " " + details);
    }
  }

  private void exec(Exec exec, long time) {
    rates.command(time);
    String line = ProgramText.of(exec.program());
    var _ = execs.asked(exec.eventId(), new Requests.Open(exec.userId().toString(), time, line));
    note(exec, time, "exec", line + by(exec.requestedBy()), exec.eventId().hashCode());
  }

  private void exited(Exited exited, long time) {
    var _ = execs.answered(exited.userId(), exited.execId(), time);
    ContainerRef container = exited.container();
    if (container != null) {
      if (exited.reason() != Exited.Reason.LOST) { // its worker may be gone
        hosts.seen(container.host(), container.workerId(), time);
      }
      used(exited.userId(), exited.exitedAt().toEpochMilli(), "command");
    }
    String reason = exited.reason().wire();
    String text =
        reason
            + (exited.exitCode() == null ? "" : " " + exited.exitCode())
            + (exited.signal() == null ? "" : " by signal " + exited.signal())
            + (exited.startedAt() == null ? "" : " after " + exited.tookMs() + " ms")
            + (exited.message() == null ? "" : ": " + exited.message());
    int command = exited.execId().hashCode();
    switch (exited.reason()) {
      case FAILED, LOST, REJECTED, EXPIRED, SANDBOX_GONE -> {
        tell(exited, time, new Kind("command", reason), exited.message(), command);
        note(exited, time, "command", text, command);
      }
      case EXITED, TIMEOUT, SIGNALLED, NO_SANDBOX, UNKNOWN ->
          note(exited, time, "exited", text, command);
    }
  }

  private void expiring(Expiring expiring, long time) {
    SandboxRow row = sandboxes.of(expiring.containerId());
    if (row != null) {
      row.expiring(expiring, time);
      sandboxes.changed(row);
    }
    note(expiring, time, "expiring", expiring.reason().wire() + " at " + expiring.endsAt());
  }

  void used(UserId user, long time, String use) {
    timelines.used(user, time, use);
    SandboxRow row = sandboxes.of(user);
    if (row != null && row.used(time, use)) {
      sandboxes.changed(row);
    }
  }

  /**
   * Forgets requests that should have been answered, and reports them.
   *
   * @param known until when everything was read; a later answer may not have been read yet
   */
  void forget(long known) {
    long before = known - LONGEST_OPEN.toMillis();
    ensures.forgetBefore(
        before,
        request ->
            failures.add(
                new Notice(
                    request.time(),
                    request.user(),
                    new Kind("ensure", "unanswered"),
                    "no answer to " + request.text(),
                    0)));
    execs.forgetBefore(before, _ -> {}); // not reported: it may wait behind another command
  }

  private void tell(
      SandboxEvent event, long time, Kind kind, @Nullable String message, int command) {
    rates.failed(time);
    String user = event.userId().toString();
    failures.add(new Notice(time, user, kind, ShownText.wholeMessage(message), command));
  }

  private void note(SandboxEvent event, long time, String kind, String text) {
    note(event, time, kind, text, 0);
  }

  private void note(SandboxEvent event, long time, String kind, String text, int command) {
    timelines.add(event.userId(), time, kind, ShownText.message(text), command);
  }

  private static String by(@Nullable String requester) {
    return requester == null ? "" : " by " + requester;
  }
}
