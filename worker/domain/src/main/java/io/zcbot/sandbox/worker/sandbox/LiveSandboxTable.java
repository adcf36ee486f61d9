/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.UserId;

/**
 * The live table: the sandboxes of all workers that are announced ready and not reaped. An entry is
 * written before ready is announced and removed after reaped is, so that the worker that takes over
 * the users of a dead host finds every sandbox that must still be announced reaped (I4).
 *
 * <p>The calls block until the log has what they write, and retry while the log is away.
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
