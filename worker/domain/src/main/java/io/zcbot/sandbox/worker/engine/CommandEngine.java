/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.engine;

/** Runs commands in sandboxes that are ready. */
public interface CommandEngine {
  /**
   * Opens the channel through which a sandbox's commands run, and kills commands that an earlier
   * channel left. Blocks.
   *
   * @throws EngineException if the sandbox does not run, or nothing in it answers in time
   */
  CommandChannel open(String containerId) throws EngineException;
}
