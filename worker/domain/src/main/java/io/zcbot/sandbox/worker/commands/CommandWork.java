/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.Release;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import java.util.concurrent.CompletableFuture;

/** The work on execs, inputs and releases that the intake reads. */
public interface CommandWork {
  /**
   * Takes an exec. Called in the user's lane. Blocks until the command is known: queued, started or
   * answered. It does not wait for the command's end.
   */
  void exec(ExecRequest request) throws FencedException, InterruptedException;

  /**
   * Takes a release. Called in the user's lane. Blocks until the log has the end of the sandbox, if
   * there is one.
   */
  void release(Release release, Fence fence) throws FencedException, InterruptedException;

  /** Whether a command is known: queued, running, or not long ended. Any thread; never blocks. */
  boolean knows(UserId user, String execId);

  /** Whether a command is queued or runs, so that it may read input. Any thread; never blocks. */
  boolean reads(UserId user, String execId);

  /**
   * Whether a command is queued or runs and its standard input goes on, so that it may get more
   * than signals and sizes. Any thread; never blocks.
   */
  boolean hasInputToCome(UserId user, String execId);

  /**
   * Hands an input to its command, which drops a forwarded input that it has already. Any thread;
   * never blocks.
   */
  Taken input(ReadInput input);

  /**
   * Returns what completes once a command takes bytes again, or is not known any more. Any thread.
   */
  CompletableFuture<Void> room(UserId user, String execId);

  /** Execs of a partition below an offset are committed. Never blocks. */
  void committed(int partition, long offset);

  /** Whether reading execs should pause until more of the finished ones are committed. */
  boolean isFull();

  /** A partition is, or is about to be, no longer this worker's: nothing of it may begin. */
  void gone(int partition);
}
