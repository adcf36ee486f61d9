/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.worker.ensure.Admission.Refused;
import io.zcbot.sandbox.worker.sandbox.Identity;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.Time;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** The events that answer an ensure. */
final class Answers {
  private static final int MAX_MESSAGE = 1000;

  private final Identity identity;
  private final SandboxSpec spec;
  private final Duration idleTtl;
  private final Time time;

  Answers(Identity identity, SandboxSpec spec, Duration idleTtl, Time time) {
    this.identity = identity;
    this.spec = spec;
    this.idleTtl = idleTtl;
    this.time = time;
  }

  Ready ready(EnsureRequest request, Result.Served served) {
    Sandbox sandbox = served.sandbox();
    return new Ready(
        EventIds.ready(request.ensure().eventId(), sandbox.containerId()),
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
            idleTtl),
        TimeUnit.NANOSECONDS.toMillis(time.nanos() - request.arrived()));
  }

  Failed failed(EnsureRequest request, Refused refused) {
    String message = refused.message();
    return new Failed(
        EventIds.failed(request.ensure().eventId()),
        request.user(),
        request.ensure().eventId(),
        time.now(),
        refused.reason(),
        message.length() > MAX_MESSAGE ? message.substring(0, MAX_MESSAGE) + "…" : message,
        refused.retryable());
  }
}
