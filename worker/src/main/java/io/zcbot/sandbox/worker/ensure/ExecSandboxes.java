/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.worker.commands.ExecRequest;
import io.zcbot.sandbox.worker.commands.SandboxProvider;
import io.zcbot.sandbox.worker.sandbox.FencedException;

/** Provides sandboxes for execs, as for an ensure that has the exec's id. */
final class ExecSandboxes implements SandboxProvider {
  private final Ensurer ensurer;

  ExecSandboxes(Ensurer ensurer) {
    this.ensurer = ensurer;
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
                exec.expiresAt()),
            request.partition(),
            request.arrived(),
            request.deadline(),
            request.fence(),
            null,
            request.context());
    return switch (ensurer.provide(asEnsure)) {
      case Result.Served served -> new Provision.Provided(served.sandbox());
      case Admission.Refused refused ->
          new Provision.NotProvided(refused.reason(), refused.message(), refused.retryable());
    };
  }
}
