/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import java.io.InputStream;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.IntConsumer;

/**
 * A bounded queue of bytes for the standard input of a process in a container. Producers call
 * {@link #offer}, which never blocks. One sender thread reads the queue as an {@link InputStream},
 * which blocks until there are bytes. Thread-safe.
 */
public final class InputQueue extends InputStream {
  /** Bytes counted for each array's object header and its entry in the queue. */
  private static final int OVERHEAD = 32;

  private final int capacity;
  private final IntConsumer onChange;
  private final Deque<byte[]> queue = new ArrayDeque<>();
  private int consumed; // bytes of the first array that were already read
  private int bytes;
  private boolean closed;

  /**
   * Creates an empty queue.
   *
   * @param capacity maximum number of bytes, where each array counts 32 more than its length
   */
  public InputQueue(int capacity) {
    this(capacity, _ -> {});
  }

  /**
   * Creates an empty queue.
   *
   * @param onChange is given how many bytes are in the queue whenever that changes, with the
   *     queue's lock held
   */
  public InputQueue(int capacity, IntConsumer onChange) {
    this.capacity = capacity;
    this.onChange = onChange;
  }

  /**
   * Adds bytes without blocking. The array is not copied.
   *
   * @param reserve number of bytes that must remain free afterwards
   * @return false, with nothing added, if they don't fit or the queue is closed
   */
  public synchronized boolean offer(byte[] more, int reserve) {
    if (closed || bytes + more.length + OVERHEAD > capacity - reserve) {
      return false;
    }
    queue.add(more);
    change(more.length + OVERHEAD);
    notifyAll();
    return true;
  }

  @Override
  public int read() {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  /** Blocks until there is at least one byte; returns -1 once the queue is closed. */
  @Override
  public synchronized int read(byte[] into, int offset, int length) {
    int filled = 0;
    if (length == 0) {
      return filled;
    }
    while (queue.isEmpty() && !closed) {
      try {
        wait();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return -1; // the sender is interrupted only to end it
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
        change(-first.length - OVERHEAD);
      }
    }
    return filled;
  }

  /** Closes the queue and drops what was not read yet. */
  @Override
  public synchronized void close() {
    closed = true;
    queue.clear();
    change(-bytes);
    notifyAll();
  }

  private void change(int more) {
    bytes += more;
    onChange.accept(bytes);
  }
}
