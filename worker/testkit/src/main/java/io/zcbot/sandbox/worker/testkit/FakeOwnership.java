/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit;

import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.Ownership;

/** An ownership that tests change. */
public final class FakeOwnership implements Ownership {
  public volatile State state;
  public volatile boolean isCertain = true;

  /** The states of an ownership, in their order. */
  public enum State {
    TAKING_OVER,
    OWNED,
    REVOKING,
    LOST
  }

  public FakeOwnership(State state) {
    this.state = state;
  }

  @Override
  public boolean mayBegin() {
    return state == State.OWNED;
  }

  @Override
  public boolean isKept() {
    return state == State.TAKING_OVER || state == State.OWNED;
  }

  @Override
  public boolean isLost() {
    return state == State.LOST;
  }

  @Override
  public boolean isCertain() {
    return isCertain && !isLost();
  }

  @Override
  public boolean await() {
    return isKept();
  }

  @Override
  public void pass() throws FencedException {
    if (isLost()) {
      throw new FencedException("another worker owns the partition by now");
    }
  }
}
