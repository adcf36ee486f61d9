/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.Release;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import java.util.Collection;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** The work on execs, inputs and releases that the intake reads. */
public interface CommandWork {
  /**
   * Takes a partition over, before its execs are read: commands that a former owner started and did
   * not answer are answered {@code lost}. Commands that run in this very process go on. Never
   * blocks.
   *
   * @param entries of the command table; anybody with permission may have written them, and can at
   *     worst have what they name answered {@code lost}
   * @param execEnd the offset behind the execs that the partition had when the table was read
   * @param fence of the new assignment
   * @return completes when all are answered; exceptionally with a {@link FencedException} if
   *     another worker owns the partition by then
   */
  CompletableFuture<Void> takeOver(
      int partition, Collection<CommandEntry> entries, long execEnd, Fence fence);

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

  /**
   * An exec was read, which is going to its user's lane: its command takes inputs from now on.
   * Never blocks.
   *
   * @return where they go; null if a command with its id is known, and takes them
   */
  @Nullable CommandInput expect(ExecRequest request);

  /**
   * An exec has left its user's lane, whether or not {@link #exec} was called. If its command is
   * not queued, it takes no inputs. Never blocks.
   */
  void expectNoMore(ExecRequest request);

  /**
   * Where the inputs of a command go; null if it is not known. Any thread; never blocks.
   *
   * @see CommandInput#ENDED
   */
  @Nullable CommandInput inputOf(CommandKey key);

  /** Execs of a partition below an offset are committed. Never blocks. */
  void committed(int partition, long offset);

  /** Whether reading execs should pause until more of the finished ones are committed. */
  boolean isFull();

  /** A partition is, or is about to be, no longer this worker's: nothing of it may begin. */
  void gone(int partition);
}
