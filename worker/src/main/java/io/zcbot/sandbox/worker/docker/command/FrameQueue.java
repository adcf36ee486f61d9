/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.command;

import java.io.InputStream;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What waits to be sent to a runner, as the stream from which the transport reads it. Whoever adds
 * to it never waits.
 */
final class FrameQueue extends InputStream {
  private static final Logger log = LoggerFactory.getLogger(FrameQueue.class);

  /** An array's own memory, and its place in the queue. */
  private static final int OVERHEAD = 32;

  private final int capacity;
  private final Deque<byte[]> queue = new ArrayDeque<>();
  private int consumed; // of the first
  private int bytes;
  private boolean closed;
  private @Nullable Thread quiet;

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
      transport.setUncaughtExceptionHandler((_, e) -> log.debug("sending to a runner ended", e));
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
