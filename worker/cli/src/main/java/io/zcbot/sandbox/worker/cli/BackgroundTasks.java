/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Runs work on other threads than a command's own. Closing it interrupts what still runs and waits
 * until that has ended.
 */
final class BackgroundTasks implements AutoCloseable {
  private static final int MOST_AT_A_TIME = 8;

  // platform threads: with virtual threads, the JVM would wait 0.3 s for their poller at its end
  private final ExecutorService threads =
      Executors.newFixedThreadPool(MOST_AT_A_TIME, Thread.ofPlatform().daemon().factory());

  /** Work that takes a while; also the handle by which its result is awaited. */
  interface Work<T> {
    T result() throws CommandException, InterruptedException;
  }

  /**
   * Starts work; {@link Work#result} of the returned handle blocks until it is done, and rethrows
   * its failure.
   */
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
