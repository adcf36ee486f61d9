/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import java.io.InputStream;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What waits to be sent to the standard input of a program in a container, as the stream from which
 * the transport reads it. Whoever adds to it never waits.
 */
public final class InputQueue extends InputStream {
  private static final Logger log = LoggerFactory.getLogger(InputQueue.class);

  /** An array's own memory, and its place in the queue. */
  private static final int OVERHEAD = 32;

  private static final Duration MOST_WAITED = Duration.ofMillis(100);

  private final int capacity;
  private final Deque<byte[]> queue = new ArrayDeque<>();
  private int consumed; // of the first
  private int bytes;
  private boolean closed;
  private @Nullable Thread quiet;

  /**
   * An empty one.
   *
   * @param capacity in bytes, with 32 for each array
   */
  public InputQueue(int capacity) {
    this.capacity = capacity;
  }

  /**
   * Adds bytes.
   *
   * @param reserve how much must be free beyond them
   * @return false, with nothing added, if they don't fit or it is closed
   */
  public synchronized boolean offer(byte[] more, int reserve) {
    if (closed || bytes + more.length + OVERHEAD > capacity - reserve) {
      return false;
    }
    queue.add(more);
    bytes += more.length + OVERHEAD;
    notifyAll();
    return true;
  }

  @Override
  public int read() {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  /** Waits until there is something. */
  @Override
  public synchronized int read(byte[] into, int offset, int length) {
    quieten(Thread.currentThread());
    int filled = 0;
    if (length == 0) {
      return filled;
    }
    while (queue.isEmpty() && !closed) {
      try {
        wait();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return -1; // nobody interrupts the transport's thread but to end it
      }
    }
    if (closed) {
      return -1;
    }
    while (filled < length && !queue.isEmpty()) {
      byte[] first = queue.getFirst();
      int part = Math.min(length - filled, first.length - consumed);
      System.arraycopy(first, consumed, into, offset + filled, part);
      filled += part;
      consumed += part;
      if (consumed == first.length) {
        queue.removeFirst();
        consumed = 0;
        bytes -= first.length + OVERHEAD;
      }
    }
    return filled;
  }

  /**
   * The transport lets a thread of its own die of a broken connection, of which its reader tells.
   */
  private void quieten(Thread transport) {
    if (transport != quiet) {
      quiet = transport;
      transport.setUncaughtExceptionHandler((_, e) -> log.debug("sending to a container ended", e));
      notifyAll();
    }
  }

  /**
   * Waits for the transport's thread to begin, if it has not: it would not understand that the
   * connection is closed already.
   */
  public synchronized void awaitReader() {
    long deadline = System.nanoTime() + MOST_WAITED.toNanos();
    for (long left = MOST_WAITED.toMillis();
        quiet == null && left > 0;
        left = (deadline - System.nanoTime()) / 1_000_000) {
      try {
        wait(left);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  /** What is still in it is dropped. */
  @Override
  public synchronized void close() {
    closed = true;
    queue.clear();
    notifyAll();
  }
}
