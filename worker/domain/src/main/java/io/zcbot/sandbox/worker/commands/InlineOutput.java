/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Budget;
import org.jspecify.annotations.Nullable;

/** Output that is kept in memory and published in the command's answer. */
final class InlineOutput extends CommandOutput {
  private static final int STEP = WINDOW / 2;

  private final StreamQueues streams = new StreamQueues();
  private final Budget<UserId>.Share budget;
  private Budget.@Nullable Claim<UserId> claim;
  private int unpaid;
  private int taken;
  private boolean released;

  InlineOutput(int bound, Budget<UserId>.Share budget) {
    super(bound);
    this.budget = budget;
  }

  @Override
  void keep(OutputStreamName stream, Data data, int count) {
    streams.of(stream).add(data, count);
    unpaid += count;
    if (isFull()) { // further output is discarded and takes no memory
      allow(unpaid);
      unpaid = 0;
    } else if (unpaid >= STEP && claim == null) {
      int bytes = unpaid;
      unpaid = 0;
      claim = budget.await(bytes, () -> granted(bytes));
    }
  }

  private void granted(int bytes) {
    lock.lock();
    try {
      claim = null;
      if (!released) {
        taken += bytes;
        allow(bytes);
        return;
      }
    } finally {
      lock.unlock();
    }
    budget.give(bytes);
  }

  @Override
  void complete() throws InterruptedException {
    lock.lock();
    try {
      while (!isEnded()) {
        changed.await();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Gives up waiting for memory, which other commands may hold for as long as they run. */
  @Override
  void hurry() {
    cut();
  }

  @Override
  void release() {
    int back;
    lock.lock();
    try {
      if (claim != null && budget.withdraw(claim)) {
        claim = null;
      }
      released = true;
      back = taken;
      taken = 0;
    } finally {
      lock.unlock();
    }
    budget.give(back);
  }

  @Override
  Data of(OutputStreamName stream) {
    lock.lock();
    try {
      return streams.of(stream).take(Integer.MAX_VALUE);
    } finally {
      lock.unlock();
    }
  }

  @Override
  long count() {
    return 0;
  }
}
