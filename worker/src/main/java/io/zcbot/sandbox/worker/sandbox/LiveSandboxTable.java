/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.UserId;

/**
 * The live table: which sandboxes are announced ready and not reaped yet, of all workers. An entry
 * is made before ready is announced and removed after reaped is, so that the worker that takes over
 * the users of a dead host finds every sandbox that still has to be announced reaped (I4).
 *
 * <p>Both calls return once the log has it, and keep trying while the log is away.
 */
public interface LiveSandboxTable {
  void open(LiveSandbox sandbox) throws InterruptedException;

  /** As {@link #open(LiveSandbox)}; the fence is passed before each try. */
  default void open(LiveSandbox sandbox, Fence fence) throws FencedException, InterruptedException {
    fence.pass();
    open(sandbox);
  }

  void close(UserId user, String containerId) throws InterruptedException;
}
