/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.ensure.Admission.Refused;
import io.zcbot.sandbox.worker.sandbox.Identity;
import io.zcbot.sandbox.worker.sandbox.IdleTtls;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.Terms;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Makes the events that answer an ensure. */
final class Answers {
  private static final int MAX_MESSAGE = 1000;

  /** How long before its ensure an end may be: the clock may go on while an ensure is made. */
  private static final Duration MAX_PAST_END = Duration.ofSeconds(5);

  private final Identity identity;
  private final SandboxSpec spec;
  private final IdleTtls idleTtls;
  private final Time time;

  Answers(Identity identity, SandboxSpec spec, IdleTtls idleTtls, Time time) {
    this.identity = identity;
    this.spec = spec;
    this.idleTtls = idleTtls;
    this.time = time;
  }

  Ready ready(EnsureRequest request, Result.Served served) {
    Sandbox sandbox = served.sandbox();
    Terms terms = sandbox.terms();
    return new Ready(
        EventIds.ready(request.user(), request.ensure().eventId(), sandbox.containerId()),
        request.user(),
        request.ensure().eventId(),
        time.now(),
        new ContainerRef(
            sandbox.containerName(), sandbox.containerId(), identity.host(), identity.workerId()),
        served.outcome(),
        new Ready.Environment(
            identity.engineAddress(),
            spec.image(),
            spec.runtime() == null ? "default" : spec.runtime(),
            served.workspace().toString(),
            idleTtls.of(sandbox)),
        TimeUnit.NANOSECONDS.toMillis(time.nanos() - request.arrived()),
        terms.labels(),
        terms.endsAt());
  }

  /** The message for an ensure that asks for what it may not; null if there is nothing. */
  @Nullable String notAllowed(Ensure ensure) {
    Duration idleTtl = ensure.idleTtl();
    if (idleTtl != null && !idleTtls.allows(idleTtl)) {
      return notAllowed(idleTtl);
    }
    Instant endsAt = ensure.endsAt();
    return endsAt != null && endsAt.isBefore(ensure.requestedAt().minus(MAX_PAST_END))
        ? "ends_at is "
            + endsAt
            + ", but the ensure was requested later, at "
            + ensure.requestedAt()
            + "; choose a later time, or send a release to end the sandbox now"
        : null;
  }

  private String notAllowed(Duration idleTtl) {
    return "idle_ttl_seconds is "
        + idleTtl.toSeconds()
        + ", but this worker allows "
        + seconds(idleTtls.shortest())
        + " to "
        + seconds(idleTtls.longest())
        + " seconds; ask for that, leave the field out, or have ZCBOT_SANDBOX_IDLE_TTL_MIN and"
        + " ZCBOT_SANDBOX_IDLE_TTL_MAX changed";
  }

  private static String seconds(Duration duration) {
    return BigDecimal.valueOf(duration.toMillis(), 3).stripTrailingZeros().toPlainString();
  }

  Failed failed(EnsureRequest request, Refused refused) {
    String message = refused.message();
    return new Failed(
        EventIds.failed(request.user(), request.ensure().eventId()),
        request.user(),
        request.ensure().eventId(),
        time.now(),
        refused.reason(),
        message.length() > MAX_MESSAGE ? message.substring(0, MAX_MESSAGE) + "…" : message,
        refused.retryable());
  }
}
