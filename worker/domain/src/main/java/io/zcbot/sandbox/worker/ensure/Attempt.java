/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Network;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.DiskSpace;
import io.zcbot.sandbox.worker.base.HostShortage;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.ensure.ProfileChoice.Chosen;
import io.zcbot.sandbox.worker.pool.WarmPool;
import io.zcbot.sandbox.worker.reap.Termination;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.TerminationTarget;
import io.zcbot.sandbox.worker.sandbox.Terms;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.spec.Profile;
import java.io.IOException;
import java.nio.file.Path;

/**
 * One attempt to provide a user's sandbox: look at the engine, decide, act. {@link Ensurer} repeats
 * it after transient failures. Runs in the user's lane.
 */
final class Attempt {
  private final UserContainers containers;
  private final Registry registry;
  private final Workspaces workspaces;
  private final Admission admission;
  private final WarmPool pool;
  private final Termination termination;

  Attempt(
      UserContainers containers,
      Registry registry,
      Workspaces workspaces,
      Admission admission,
      WarmPool pool,
      Termination termination) {
    this.containers = containers;
    this.registry = registry;
    this.workspaces = workspaces;
    this.admission = admission;
    this.pool = pool;
    this.termination = termination;
  }

  /**
   * Makes the attempt.
   *
   * @param choice of the profile
   * @param first whether it is the first for this ensure
   * @throws EngineException also if the workspace can't be used for a reason that may pass
   * @throws IOException if the workspace can't be used, for a reason that does not pass
   */
  Result run(EnsureRequest request, Chosen.Made choice, boolean first)
      throws EngineException, FencedException, IOException, InterruptedException {
    try {
      return tryOnce(request, choice, first);
    } catch (DiskSpace.NoSpaceException e) {
      return admission.noRoom(String.valueOf(e.getMessage())); // until somebody makes room
    } catch (IOException e) {
      if (HostShortage.isBehind(e)) {
        throw new EngineException(
            EngineException.Kind.CAPACITY,
            "workspace",
            e.getMessage()
                + "; the worker's host is out of disk space, memory, processes or file descriptors",
            e);
      }
      if (HostShortage.mayPass(e)) {
        throw new EngineException(
            EngineException.Kind.WORKSPACE, "workspace", String.valueOf(e.getMessage()), e);
      }
      throw e;
    }
  }

  private Result tryOnce(EnsureRequest request, Chosen.Made choice, boolean first)
      throws EngineException, FencedException, IOException, InterruptedException {
    request.fence().pass(); // else a retry could act for a user whom another worker owns by now
    Sandbox known = registry.get(request.user());
    // A user whom the registry doesn't know usually has no container, so skip the look. If there is
    // one after all, the engine refuses its name to a second container, and the next attempt looks.
    Decision decision =
        known == null && first
            ? Decision.Make.UNSEEN
            : Decision.of(
                request.user(),
                known,
                containers.look(request.user(), known == null ? choice.next() : known.profile()));
    return switch (decision) {
      case Decision.Reuse reuse when reuse.sandbox() == choice.keeps() ->
          reuse(request, reuse.sandbox());
      case Decision.Reuse other -> make(request, choice.next(), Decision.Make.replacing(other));
      case Decision.Make make -> make(request, choice.next(), make);
    };
  }

  private Result reuse(EnsureRequest request, Sandbox sandbox) throws EngineException, IOException {
    containers.prepare(sandbox.profile());
    Network asked = request.ensure().network();
    containers.let(sandbox, asked == null ? sandbox.terms().network() : asked);
    sandbox.partition(request.partition());
    Path workspace = workspaces.prepare(request.user());
    return new Result.Served(sandbox, Ready.Outcome.REUSED, workspace);
  }

  private Result make(EnsureRequest request, Profile profile, Decision.Make make)
      throws EngineException, FencedException, IOException, InterruptedException {
    UserId user = request.user();
    Network network = Terms.NONE.after(request.ensure()).network();
    String problem = Answers.notAllowed(network, profile);
    if (problem != null) { // the profile may be another than that of the sandbox before
      return new Admission.Refused(Failed.Reason.REJECTED, problem, false);
    }
    for (TerminationTarget each : make.remains()) {
      termination.end(each);
    }
    Admission.Refused refused = admission.refusalOf(user);
    if (refused != null) {
      return refused;
    }
    Path workspace = workspaces.prepare(user);
    Sandbox claimed = pool.claim(user, profile, network, workspace, request.partition());
    if (claimed != null) {
      registry.add(claimed);
      return new Result.Served(claimed, Ready.Outcome.CLAIMED, workspace);
    }
    return switch (admission.awaitTurn(request)) {
      case Admission.Refused full -> full;
      case Admission.Admitted admitted -> {
        try (admitted) {
          request.fence().pass(); // the wait may have been long
          Sandbox created = containers.create(request, profile, workspace, admitted.reservation());
          registry.add(created);
          yield new Result.Served(created, make.outcome(), workspace);
        }
      }
    };
  }
}
