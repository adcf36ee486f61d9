/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Release;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import java.util.Collection;
import java.util.concurrent.CompletableFuture;

/** The commands that agents send to their users' sandboxes. */
public final class Commands implements AutoCloseable {
  /**
   * Takes an exec: has the sandbox made if there is none, and queues the command there. Runs in the
   * user's lane; returns once the command is queued or answered. Input for it is taken from then
   * on.
   *
   * @throws FencedException if another worker owns the user's partition by now; that worker answers
   * @throws InterruptedException if the worker stops first; the exec is not answered then
   */
  public void exec(ExecRequest request) throws FencedException, InterruptedException {
    throw new UnsupportedOperationException();
  }

  /**
   * Whether an exec is queued, runs, or was answered here and is remembered. One that is known is
   * not run again.
   */
  public boolean knows(UserId user, String execId) {
    throw new UnsupportedOperationException();
  }

  /** Takes an input. Any thread; never blocks. Only bytes can be too much. */
  public Taken input(Input input) {
    throw new UnsupportedOperationException();
  }

  /** Completes when a command whose buffer was full has room again, or is over or unknown. */
  public CompletableFuture<Void> room(UserId user, String execId) {
    throw new UnsupportedOperationException();
  }

  /**
   * Removes the user's sandbox, if it is the one that is meant, and announces it. Runs in the
   * user's lane.
   *
   * @throws FencedException if another worker owns the user's partition by now
   * @throws InterruptedException if the worker stops first
   */
  public void release(Release release, Fence fence) throws FencedException, InterruptedException {
    throw new UnsupportedOperationException();
  }

  /**
   * Takes a partition over, before its execs are read: commands that a former owner started and did
   * not answer are answered {@code lost}. Commands that run in this very process go on.
   *
   * @param entries of the command table
   * @param fence of the new assignment
   * @return completes when all are answered; exceptionally with a {@link FencedException} if the
   *     partition is another worker's by then
   */
  public CompletableFuture<Void> takeOver(
      int partition, Collection<CommandEntry> entries, Fence fence) {
    throw new UnsupportedOperationException();
  }

  /**
   * Execs below an offset are committed, so that nobody reads them again and the entries of those
   * that are answered can go. Never blocks.
   */
  public void committed(int partition, long offset) {
    throw new UnsupportedOperationException();
  }

  /**
   * A partition is not this worker's any more. What waits to begin does not; what runs goes on,
   * because the partition may come back, and ends unanswered unless it does. Never blocks.
   */
  public void gone(int partition) {
    throw new UnsupportedOperationException();
  }

  /** Looks at deadlines. Called by a timer, about once a second; never blocks. */
  public void tick() {
    throw new UnsupportedOperationException();
  }

  /** Starts and answers nothing more. What was started is answered {@code lost} by who is next. */
  @Override
  public void close() {
    throw new UnsupportedOperationException();
  }
}
