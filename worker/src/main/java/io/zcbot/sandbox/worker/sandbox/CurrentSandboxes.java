/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.CurrentSandbox;
import io.zcbot.sandbox.events.UserId;

/**
 * The table of current sandboxes, for agent services: what was announced ready and not reaped. An
 * entry is made after ready is announced and removed after reaped is. No worker reads it.
 *
 * <p>Both calls return once the log has it, and keep trying while the log is away.
 */
public interface CurrentSandboxes {
  void enter(CurrentSandbox sandbox) throws InterruptedException;

  /** The user has no sandbox any more. */
  void remove(UserId user) throws InterruptedException;

  /** Nobody reads it. */
  CurrentSandboxes NONE =
      new CurrentSandboxes() {
        @Override
        public void enter(CurrentSandbox sandbox) {}

        @Override
        public void remove(UserId user) {}
      };
}
