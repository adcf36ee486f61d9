/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;

/**
 * The fence of one command: that of the assignment in which its exec was read, and then, if it was
 * started, of each in which its partition came back before anybody noticed that it was gone.
 */
final class TenureFence implements Fence {
  private Fence current;
  private boolean started;
  private boolean closed;

  TenureFence(Fence first) {
    this.current = first;
  }

  /** What a later assignment finds of the command. */
  enum Remains {
    /** It runs, and goes on under the fence of that assignment. */
    GOES_ON,
    /** It was started, and nobody answers it any more. */
    GIVEN_UP,
    /** It was not started and will not be. */
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
    closed |= current.equals(failed); // or it was renewed meanwhile
    return closed;
  }

  /** Nothing passes any more. */
  synchronized void close() {
    closed = true;
  }

  /** Marks the command as started, which it is from here on, whoever asks. */
  synchronized void start() throws FencedException {
    requireOpen();
    started = true;
  }

  synchronized boolean isStarted() {
    return started;
  }

  /** The partition came back: a command that was not started does not start any more. */
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
