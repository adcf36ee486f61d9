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

/** What is done with execs, inputs and releases. */
public interface CommandWork {
  /**
   * In the user's lane. Returns once the command is known: queued, started or answered. It does not
   * wait for the command's end.
   */
  void exec(ExecRequest request) throws FencedException, InterruptedException;

  /**
   * In the user's lane. Returns once the log has it that the sandbox is reaped, if there is one.
   */
  void release(Release release, Fence fence) throws FencedException, InterruptedException;

  /** Whether a command is known: queued, running, or not long ended. Any thread; never blocks. */
  boolean knows(UserId user, String execId);

  /** Whether a command is queued or runs, so that it may read. Any thread; never blocks. */
  boolean reads(UserId user, String execId);

  /**
   * Whether a command is queued or runs and its standard input goes on, so that more than signals
   * and sizes may come to it. Any thread; never blocks.
   */
  boolean hasInputToCome(UserId user, String execId);

  /**
   * Hands an input to its command, which drops one that was forwarded twice. Any thread; never
   * blocks.
   */
  Taken input(ReadInput input);

  /** Completes once a command takes bytes again, or is not known any more. Any thread. */
  CompletableFuture<Void> room(UserId user, String execId);

  /** The offsets of a partition's execs are committed up to this one. */
  void committed(int partition, long offset);

  /** Whether no more execs should be read until some of those that are done are committed. */
  boolean isFull();

  /** A partition is not this worker's any more, or will not be soon: nothing of it may begin. */
  void gone(int partition);
}
