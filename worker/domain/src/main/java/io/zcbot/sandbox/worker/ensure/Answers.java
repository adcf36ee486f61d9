/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Network;
import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.ensure.Admission.Refused;
import io.zcbot.sandbox.worker.sandbox.Identity;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.Terms;
import io.zcbot.sandbox.worker.spec.IdleTtls;
import io.zcbot.sandbox.worker.spec.Narrowing;
import io.zcbot.sandbox.worker.spec.Profile;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Makes the events that answer an ensure. */
final class Answers {
  private static final int MAX_MESSAGE = 1000;

  /** How long before its ensure an end may be: the clock may go on while an ensure is made. */
  private static final Duration MAX_PAST_END = Duration.ofSeconds(5);

  private final Identity identity;
  private final Time time;

  Answers(Identity identity, Time time) {
    this.identity = identity;
    this.time = time;
  }

  Ready ready(EnsureRequest request, Result.Served served) {
    Sandbox sandbox = served.sandbox();
    Terms terms = sandbox.terms();
    SandboxSpec spec = sandbox.profile().spec();
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
            sandbox.idleTtl()),
        TimeUnit.NANOSECONDS.toMillis(time.nanos() - request.arrived()),
        terms.labels(),
        terms.endsAt(),
        sandbox.profile().name(),
        terms.network(),
        sandbox.networkDigest());
  }

  /** The message for an ensure that asks for what it may not; null if there is nothing. */
  @Nullable String notAllowed(Ensure ensure, Profile profile) {
    Duration idleTtl = ensure.idleTtl();
    if (idleTtl != null && !profile.idleTtls().allows(idleTtl)) {
      return notAllowed(idleTtl, profile);
    }
    String problem = ensure.network() == null ? null : notAllowed(ensure.network(), profile);
    if (problem != null) {
      return problem;
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

  /** The message for a network that a profile does not allow; null if it does. */
  static @Nullable String notAllowed(Network network, Profile profile) {
    List<String> allow = network.allow();
    String problem =
        allow == null ? null : Narrowing.problem(profile.spec().policy().egress(), allow);
    return problem == null
        ? null
        : "network.allow is all that a sandbox of the profile "
            + profile.name()
            + " shall reach, "
            + problem;
  }

  private static String notAllowed(Duration idleTtl, Profile profile) {
    IdleTtls idleTtls = profile.idleTtls();
    boolean usual = profile.name().equals(ProfileName.DEFAULT);
    return "idle_ttl_seconds is "
        + idleTtl.toSeconds()
        + (usual ? ", but this worker allows " : ", but the profile " + profile.name() + " allows ")
        + seconds(idleTtls.shortest())
        + " to "
        + seconds(idleTtls.longest())
        + " seconds; ask for that, leave the field out, or have "
        + (usual
            ? "ZCBOT_SANDBOX_IDLE_TTL_MIN and ZCBOT_SANDBOX_IDLE_TTL_MAX changed"
            : "its idle_ttl_min and idle_ttl_max changed");
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
