/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Work beside a command's own thread. What still runs at the close is interrupted. */
final class Aside implements AutoCloseable {
  private static final int MOST_AT_A_TIME = 8;

  // not virtual ones, for whose poller a JVM that ends waits 0.3 s
  private final ExecutorService threads =
      Executors.newFixedThreadPool(MOST_AT_A_TIME, Thread.ofPlatform().daemon().factory());

  /** Something that takes a while. */
  interface Work<T> {
    T result() throws CommandException, InterruptedException;
  }

  /** Starts it; the result is waited for when it is asked for. */
  <T> Work<T> start(Work<T> work) {
    Future<T> future = threads.submit(work::result);
    return () -> await(future);
  }

  private static <T> T await(Future<T> future) throws CommandException, InterruptedException {
    try {
      return future.get();
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case CommandException failed -> throw failed;
        case InterruptedException interrupted -> throw interrupted;
        case RuntimeException bug -> throw bug;
        case null, default -> throw new IllegalStateException("work beside a command failed", e);
      }
    }
  }

  @Override
  public void close() {
    threads.shutdownNow();
    threads.close();
  }
}
