/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;

/**
 * The fence of one command: at first that of the assignment in which its exec was read. If the
 * command was started and its partition comes back before a fence failed, it continues under the
 * fence of the new assignment. Thread-safe: the command's thread passes it, the lane and takeovers
 * renew it.
 */
final class CommandFence implements Fence {
  private Fence current;
  private boolean started;
  private boolean closed;

  CommandFence(Fence first) {
    this.current = first;
  }

  /** What a later assignment finds of the command. */
  enum Remains {
    /** It was started, and goes on under the fence of that assignment. */
    GOES_ON,
    /** It was started, and nobody answers it any more. */
    GIVEN_UP,
    /** It was not started, and will not be. */
    NOTHING
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
    requireOpen();
    return current;
  }

  private void requireOpen() throws FencedException {
    if (closed) {
      throw new FencedException("the command was given up");
    }
  }

  private synchronized boolean close(Fence failed) {
    closed |= current.equals(failed); // else it was renewed meanwhile
    return closed;
  }

  /** Lets nothing pass any more. */
  synchronized void close() {
    closed = true;
  }

  /**
   * Marks the command as started. Atomic with {@link #renew}: either this fails, or a later
   * assignment knows of the start.
   */
  synchronized void start() throws FencedException {
    requireOpen();
    started = true;
  }

  synchronized boolean isStarted() {
    return started;
  }

  /** The partition was assigned again: a command that was not started will not start any more. */
  synchronized Remains renew(Fence next) {
    if (!started) {
      closed = true;
      return Remains.NOTHING;
    }
    if (closed) {
      return Remains.GIVEN_UP;
    }
    current = next;
    return Remains.GOES_ON;
  }
}
