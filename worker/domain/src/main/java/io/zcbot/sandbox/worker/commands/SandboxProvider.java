/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.Sandbox;

/** Provides the sandbox in which a command is to run. */
@FunctionalInterface
public interface SandboxProvider {
  /**
   * Provides the user's sandbox as for an ensure with the exec's id, and announces it ready. It
   * does not announce a failure. Blocks, in the user's lane.
   *
   * @throws InterruptedException if the worker stops first
   */
  Provision provide(ExecRequest request) throws FencedException, InterruptedException;

  /** The result. */
  sealed interface Provision {
    /** The user has a sandbox that is announced ready. */
    record Provided(Sandbox sandbox) implements Provision {}

    /** There is no sandbox; the reason goes into the answer. */
    record NotProvided(Failed.Reason reason, String message, boolean retryable)
        implements Provision {}
  }
}
