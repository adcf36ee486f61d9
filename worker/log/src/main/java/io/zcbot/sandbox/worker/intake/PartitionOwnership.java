/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.Ownership;

/** The ownership of a partition, as the intake learns of it. Only its poll thread changes it. */
final class PartitionOwnership implements Ownership {
  private final Lease lease;
  private volatile State state = State.TAKING_OVER;

  private enum State {
    /** Nothing is read until the losses of the former owner are announced. */
    TAKING_OVER,
    OWNED,
    /** Running work may end, new work may not begin. */
    REVOKING,
    LOST
  }

  PartitionOwnership(Lease lease) {
    this.lease = lease;
  }

  /** The losses of the former owner are announced. */
  void takenOver() {
    if (state == State.TAKING_OVER) {
      state = State.OWNED;
    }
  }

  /** The group revokes the partition. */
  void revoke() {
    if (state != State.LOST) {
      state = State.REVOKING;
    }
  }

  /** Another worker may have the partition already. */
  void lose() {
    state = State.LOST;
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
    return lease.isValid() && !isLost();
  }

  @Override
  public boolean await() throws InterruptedException {
    return lease.awaitValid(() -> !isKept());
  }

  @Override
  public void pass() throws FencedException, InterruptedException {
    if (!lease.awaitValid(this::isLost)) {
      throw new FencedException("another worker owns the partition by now");
    }
  }
}
