/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;

/**
 * The fence of a command that runs: that of the assignment in which its exec was read, and then of
 * each in which its partition came back before anybody noticed that it was gone.
 */
final class TenureFence implements Fence {
  private Fence current;
  private boolean closed;

  TenureFence(Fence first) {
    this.current = first;
  }

  @Override
  public void pass() throws FencedException, InterruptedException {
    while (true) {
      Fence fence = current();
      try {
        fence.pass();
        return;
      } catch (FencedException e) {
        if (close(fence)) {
          throw e;
        }
      }
    }
  }

  private synchronized Fence current() throws FencedException {
    if (closed) {
      throw new FencedException("the command was given up");
    }
    return current;
  }

  private synchronized boolean close(Fence failed) {
    closed |= current == failed;
    return closed;
  }

  /** Nothing passes any more. */
  synchronized void close() {
    closed = true;
  }

  /** The partition came back; false if it is too late. */
  synchronized boolean renew(Fence next) {
    if (!closed) {
      current = next;
    }
    return !closed;
  }
}
