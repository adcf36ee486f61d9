/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.CurrentSandbox;
import io.zcbot.sandbox.events.UserId;

/**
 * The table of current sandboxes, for agent services: those announced ready and not reaped. An
 * entry is written after ready is announced and removed after reaped is. No worker reads it.
 *
 * <p>Its key is the user alone, so only the owner of the user's partition may write: a late write
 * by another worker would hide the owner's sandbox.
 *
 * <p>The calls block until the log has what they write, and retry while the log is away.
 */
public interface CurrentSandboxes {
  /**
   * Enters a sandbox.
   *
   * @throws FencedException if another worker owns the user's partition by now
   */
  void enter(CurrentSandbox sandbox) throws FencedException, InterruptedException;

  /**
   * Removes a user's entry.
   *
   * @throws FencedException if another worker owns the user's partition by now
   */
  void remove(UserId user) throws FencedException, InterruptedException;

  /** As {@link #remove}, for a purge by a worker to which no partitions are assigned. */
  void purge(UserId user) throws InterruptedException;

  /** A table that is not written. */
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
