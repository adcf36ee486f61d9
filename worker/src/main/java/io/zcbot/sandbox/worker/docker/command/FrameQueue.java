/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.command;

import java.io.InputStream;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * What waits to be sent to a runner, as the stream from which the transport reads it. Whoever adds
 * to it never waits.
 */
final class FrameQueue extends InputStream {
  /** An array's own memory, and its place in the queue. */
  private static final int OVERHEAD = 32;

  private final int capacity;
  private final Deque<byte[]> queue = new ArrayDeque<>();
  private int consumed; // of the first
  private int bytes;
  private boolean closed;

  FrameQueue(int capacity) {
    this.capacity = capacity;
  }

  /**
   * Adds frames.
   *
   * @param reserve how much must be free beyond them
   * @return false, with nothing added, if they don't fit or it is closed
   */
  synchronized boolean offer(byte[] frames, int reserve) {
    if (closed || bytes + frames.length + OVERHEAD > capacity - reserve) {
      return false;
    }
    queue.add(frames);
    bytes += frames.length + OVERHEAD;
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
    boolean interrupted = false;
    while (queue.isEmpty() && !closed && !interrupted) {
      try {
        wait();
      } catch (InterruptedException e) {
        interrupted = true; // nobody interrupts the transport's thread but to end it
      }
    }
    if (closed || interrupted) {
      return -1;
    }
    int filled = 0;
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
