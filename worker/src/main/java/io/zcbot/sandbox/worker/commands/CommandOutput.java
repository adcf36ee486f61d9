/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.worker.engine.CommandChannel;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The output of one command, up to a bound; what is beyond it is discarded (I14), and does not even
 * come here. The command may write only what it was allowed to, so memory for it is bounded: a
 * window to begin with, and more as earlier output leaves the memory or other commands leave room.
 */
abstract sealed class CommandOutput permits InlineOutput, StreamedOutput {
  /** What a command may write in any case before anything of it has left the memory. */
  static final int WINDOW = 16 * 1024;

  /** Smaller allowances are collected; half a window is left to the command meanwhile. */
  private static final int ALLOWANCE = WINDOW / 2;

  final ReentrantLock lock = new ReentrantLock();
  final Condition changed = lock.newCondition();
  private final int bound;
  private int kept;
  private boolean truncated;
  private boolean ended;
  private CommandChannel.@Nullable Command command;
  private int owed;
  private long allowed = WINDOW;

  CommandOutput(int bound) {
    this.bound = bound;
  }

  /** The command wrote something. Never blocks. */
  final void write(OutputStreamName stream, Data data) {
    lock.lock();
    try {
      if (ended || truncated) {
        return;
      }
      allowed -= data.length();
      int keep = Math.min(data.length(), bound - kept);
      kept += keep;
      truncated = keep < data.length();
      if (keep > 0) {
        keep(stream, data, keep);
      }
      if (truncated && command != null) {
        command.discardOutput();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Keeps the first bytes of what was written, and wakes whoever waits for that. Has the lock. */
  abstract void keep(OutputStreamName stream, Data data, int count);

  /** Returns once the command ended and its output needs nothing but its answer any more. */
  abstract void complete() throws FencedException, InterruptedException;

  /** The command should have ended: what other commands keep it from writing is discarded. */
  abstract void hurry();

  /** Gives back what it has of the budget. */
  abstract void release();

  /** All that was written to a stream; null if it was streamed. */
  abstract @Nullable Data of(OutputStreamName stream);

  /** How many records it was published in. */
  abstract long count();

  /** The command that writes, once it is known. */
  final void attach(CommandChannel.Command started) {
    lock.lock();
    try {
      command = started;
      if (truncated) {
        started.discardOutput();
      } else {
        allow(0);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Nothing more is written. */
  final void end() {
    lock.lock();
    try {
      ended = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Lets the command write so much more. Has the lock. */
  final void allow(int bytes) {
    owed += bytes;
    if (command != null && owed >= ALLOWANCE && !ended && !truncated) {
      command.allowOutput(owed);
      allowed += owed;
      owed = 0;
    }
  }

  final boolean isEnded() {
    return ended;
  }

  /** Whatever comes from now on is discarded. */
  final void cut() {
    lock.lock();
    try {
      if (!ended && !truncated) {
        truncated = true;
        if (command != null) {
          command.discardOutput();
        }
      }
    } finally {
      lock.unlock();
    }
  }

  /** Whether the command waits in its write, and the news of its end with it. */
  final boolean isHeldUp() {
    lock.lock();
    try {
      return allowed <= 0 && !truncated;
    } finally {
      lock.unlock();
    }
  }

  /** Whether all that is written from now on is discarded, which shows only once it is. */
  final boolean isFull() {
    return kept == bound;
  }

  final boolean isTruncated() {
    lock.lock();
    try {
      return truncated;
    } finally {
      lock.unlock();
    }
  }
}
