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
 * The output of one command, up to a bound; the rest is discarded in the sandbox (I14). The command
 * may write only as much as it was allowed, which bounds the memory: a window at first, and more as
 * earlier output leaves memory or the shared budget has room.
 *
 * <p>The channel's thread writes; the command's own thread waits for the end of the output.
 */
abstract sealed class CommandOutput permits InlineOutput, StreamedOutput {
  /** What each command may write, in bytes, before any of it has left memory. */
  static final int WINDOW = 16 * 1024;

  /** Allowances are collected up to this size; the command has half a window left meanwhile. */
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

  /** Takes what the command wrote. Never blocks. */
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

  /**
   * Keeps the first {@code count} bytes of what was written, and wakes the thread that waits for
   * them. Called with the lock held.
   */
  abstract void keep(OutputStreamName stream, Data data, int count);

  /** Blocks until the command ended and all streamed output is in the log. */
  abstract void complete() throws FencedException, InterruptedException;

  /**
   * Called when the command should have ended: output that waits for memory which other commands
   * hold is discarded.
   */
  abstract void hurry();

  /** Gives its share of the budget back. */
  abstract void release();

  /** What was written to a stream; null if the output was streamed. */
  abstract @Nullable Data of(OutputStreamName stream);

  /** The number of records in which it was published. */
  abstract long count();

  /** Sets the command, once it is started, and allows it what is due. */
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

  /** The command ended, so nothing more is written. */
  final void end() {
    lock.lock();
    try {
      ended = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Lets the thread that waits for output check its conditions again. */
  final void wake() {
    lock.lock();
    try {
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Allows the command to write more, at once or once enough has accumulated. Called with the lock
   * held.
   */
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

  /** Discards all further output. */
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

  /** Whether the command is blocked in a write, which also delays the report of its end. */
  final boolean isHeldUp() {
    lock.lock();
    try {
      return allowed <= 0 && !truncated;
    } finally {
      lock.unlock();
    }
  }

  /** Whether the bound is reached. It counts as truncated only once the command writes more. */
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
