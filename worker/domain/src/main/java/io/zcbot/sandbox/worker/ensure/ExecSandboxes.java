/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.commands.ExecRequest;
import io.zcbot.sandbox.worker.commands.SandboxProvider;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import java.time.Duration;

/**
 * Provides sandboxes for execs, as for an ensure that has the exec's id. It counts as such an
 * ensure, so that a host that is full shows as well if its agents send execs only.
 */
final class ExecSandboxes implements SandboxProvider {
  private final Ensurer ensurer;
  private final Time time;
  private final SandboxMetrics metrics;

  ExecSandboxes(Ensurer ensurer, Time time, SandboxMetrics metrics) {
    this.ensurer = ensurer;
    this.time = time;
    this.metrics = metrics;
  }

  @Override
  public Provision provide(ExecRequest request) throws FencedException, InterruptedException {
    Exec exec = request.exec();
    EnsureRequest asEnsure =
        new EnsureRequest(
            new Ensure(
                exec.eventId(),
                exec.userId(),
                exec.requestedAt(),
                exec.requestedBy(),
                exec.expiresAt(),
                null,
                null,
                null,
                exec.profile(),
                false),
            request.partition(),
            request.arrived(),
            request.deadline(),
            request.fence(),
            request.context());
    return switch (ensurer.provide(asEnsure)) {
      case Result.Served served -> new Provision.Provided(served.sandbox());
      case Admission.Refused refused -> {
        metrics.ensured(
            refused.reason().wire(), Duration.ofNanos(time.nanos() - request.arrived()));
        yield new Provision.NotProvided(refused.reason(), refused.message(), refused.retryable());
      }
    };
  }
}
