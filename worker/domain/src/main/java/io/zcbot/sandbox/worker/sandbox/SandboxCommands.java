/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.UserId;

/** The commands of sandboxes, as the code that ends sandboxes needs them. */
public interface SandboxCommands {
  /** Whether commands run in a sandbox or wait to, so that it is in use. */
  boolean areIn(Sandbox sandbox);

  /**
   * Has the commands of a killed sandbox answered. Blocks until they are, or for a few seconds.
   * Runs in the user's lane.
   */
  void ended(UserId user, String containerId) throws InterruptedException;

  /** No commands. */
  SandboxCommands NONE =
      new SandboxCommands() {
        @Override
        public boolean areIn(Sandbox sandbox) {
          return false;
        }

        @Override
        public void ended(UserId user, String containerId) {}
      };
}
