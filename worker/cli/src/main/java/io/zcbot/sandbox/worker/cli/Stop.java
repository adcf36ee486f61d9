/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * Lets another thread stop what the thread that created this does. It is interrupted at once,
 * except in steps that should end by themselves: these have some seconds to do so. All methods but
 * {@link #now} are called by the thread that created this.
 */
final class Stop implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private final Thread caller = Thread.currentThread();
  private final Duration patience;

  // Guarded by this.
  private boolean isPatient;
  private int code;
  private boolean isClosed;

  Stop() {
    this(PATIENCE);
  }

  /**
   * Creates what was not stopped yet.
   *
   * @param patience how long a step may take to end by itself
   */
  Stop(Duration patience) {
    this.patience = patience;
  }

  /**
   * Stops the thread. Only the first call has an effect. May be called by any thread.
   *
   * @param exitCode as of a program that was ended by that signal
   */
  synchronized void now(int exitCode) {
    if (code != 0 || isClosed) {
      return;
    }
    code = exitCode;
    if (isPatient) {
      interruptLater();
    } else {
      caller.interrupt();
    }
  }

  /** The exit code given to {@link #now}; 0 if there was no stop. */
  synchronized int code() {
    return code;
  }

  /** A step that may be left to end by itself. */
  interface Step<E extends Exception> {
    void run() throws E, IOException, InterruptedException;
  }

  /** Runs a step, also after a stop, that should end by itself because it cleans up. */
  <E extends Exception> void patiently(Step<E> step) throws E, IOException, InterruptedException {
    setPatient(true);
    try {
      step.run();
    } catch (InterruptedException e) {
      e.addSuppressed(new IOException("no answer came soon")); // so what it did is not known
      throw e;
    } finally {
      setPatient(false);
    }
  }

  /**
   * Returns a stream that is read in a step of {@link #patiently}, and ends that step by its
   * failure after a stop. A stop interrupts a read that waits, for example for somebody to type.
   */
  InputStream input(InputStream from) {
    return new FilterInputStream(from) {
      @Override
      public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
      }

      @Override
      public int read(byte[] to, int at, int length) throws IOException {
        requireNone();
        setPatient(false);
        int count;
        try {
          count = in.read(to, at, length);
        } finally {
          setPatient(true);
        }
        requireNone();
        return count;
      }
    };
  }

  private void requireNone() throws InterruptedIOException {
    if (code() != 0) {
      throw new InterruptedIOException("stopped");
    }
  }

  private synchronized void setPatient(boolean isNow) {
    isPatient = isNow;
    if (isNow && code != 0) {
      var _ = Thread.interrupted(); // the stop's, which came before
      interruptLater();
    }
  }

  private void interruptLater() {
    CompletableFuture.delayedExecutor(patience.toMillis(), TimeUnit.MILLISECONDS)
        .execute(this::interrupt);
  }

  private synchronized void interrupt() {
    if (!isClosed) {
      caller.interrupt();
    }
  }

  /** Ends this: a later stop has no effect, and the interrupt of an earlier one is cleared. */
  @Override
  public synchronized void close() {
    isClosed = true;
    if (code != 0) {
      var _ = Thread.interrupted();
    }
  }
}
