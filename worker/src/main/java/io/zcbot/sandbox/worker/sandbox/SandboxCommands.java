/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.UserId;

/** The commands of sandboxes, as those need them who end sandboxes. */
public interface SandboxCommands {
  /** Whether commands run in a sandbox or wait to: it is in use then. */
  boolean areIn(Sandbox sandbox);

  /**
   * A sandbox was killed: its commands are answered. Returns once they are, or after a few seconds.
   * Runs in the user's lane.
   */
  void ended(UserId user, String containerId) throws InterruptedException;

  /** Where there are none. */
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
