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
 * <p>Its key is the user alone, so only the owner of the user's partition may write: what another
 * worker writes late would hide the owner's sandbox.
 *
 * <p>The calls return once the log has it, and keep trying while the log is away.
 */
public interface CurrentSandboxes {
  /**
   * Enters a sandbox.
   *
   * @throws FencedException if another worker owns the user's partition by now
   */
  void enter(CurrentSandbox sandbox) throws FencedException, InterruptedException;

  /**
   * The user has no sandbox any more.
   *
   * @throws FencedException if another worker owns the user's partition by now
   */
  void remove(UserId user) throws FencedException, InterruptedException;

  /** As {@link #remove}, where what a worker left is purged while it has no partitions. */
  void purge(UserId user) throws InterruptedException;

  /** Nobody reads it. */
  CurrentSandboxes NONE =
      new CurrentSandboxes() {
        @Override
        public void enter(CurrentSandbox sandbox) {}

        @Override
        public void remove(UserId user) {}

        @Override
        public void purge(UserId user) {}
      };
}
