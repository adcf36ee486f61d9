/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import java.io.InputStream;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * What waits to be sent to the standard input of a program in a container, as the stream from which
 * a thread sends it. Whoever adds to it never waits.
 */
public final class InputQueue extends InputStream {
  /** An array's own memory, and its place in the queue. */
  private static final int OVERHEAD = 32;

  private final int capacity;
  private final Deque<byte[]> queue = new ArrayDeque<>();
  private int consumed; // of the first
  private int bytes;
  private boolean closed;

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
    int filled = 0;
    if (length == 0) {
      return filled;
    }
    while (queue.isEmpty() && !closed) {
      try {
        wait();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return -1; // nobody interrupts the thread that sends but to end it
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

  /** What is still in it is dropped. */
  @Override
  public synchronized void close() {
    closed = true;
    queue.clear();
    notifyAll();
  }
}
