/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.firewall;

import io.zcbot.sandbox.worker.engine.EngineException;

/**
 * The helpers that a previous run of the worker left. They are removed before the first helper of
 * this run starts, whichever network that is for.
 */
public final class Leftovers {
  private boolean removed;

  /** Removes them, unless that was done; callers at the same time wait. */
  synchronized void removeOnce(FirewallHelper helper) throws EngineException {
    if (!removed) {
      helper.removeLeftovers();
      removed = true;
    }
  }
}
