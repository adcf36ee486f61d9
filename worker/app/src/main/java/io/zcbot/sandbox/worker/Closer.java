/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import io.zcbot.sandbox.worker.base.StoppedException;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Closes what was started, in reverse order. A failed close is logged and does not keep the others
 * from being closed. Thread-safe.
 */
final class Closer implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Closer.class);

  private final Deque<AutoCloseable> open = new ArrayDeque<>();
  private final Object closing = new Object();

  /** Guarded by {@link #open}. */
  private boolean isClosed;

  /**
   * Adds something to close.
   *
   * @throws StoppedException if everything is closed already; then this is closed as well
   */
  <T extends AutoCloseable> T add(T started) {
    synchronized (open) {
      if (!isClosed) {
        open.push(started);
        return started;
      }
    }
    close(started);
    throw new StoppedException("the worker stopped while it started", null);
  }

  /**
   * Closes everything, including what is added meanwhile: a thread that a close waits for may still
   * add something. A second call blocks until the first is done.
   */
  @Override
  public void close() {
    synchronized (closing) {
      for (AutoCloseable next = last(); next != null; next = last()) {
        close(next);
      }
    }
  }

  private static void close(AutoCloseable closeable) {
    try {
      closeable.close();
    } catch (Exception e) {
      log.warn("{} did not close cleanly", closeable.getClass().getSimpleName(), e);
    }
  }

  private @Nullable AutoCloseable last() {
    synchronized (open) {
      isClosed = open.isEmpty();
      return open.poll();
    }
  }
}
