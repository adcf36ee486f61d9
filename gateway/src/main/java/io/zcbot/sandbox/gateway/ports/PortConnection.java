/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.ports;

import java.io.Closeable;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A connection to a port. One thread reads, one writes. What was received and not read is bounded,
 * since the sandbox may only send what it was given room for.
 */
final class PortConnection implements Closeable {
  /** How long nothing may come or go. */
  static final Duration IDLE = Duration.ofMinutes(10);

  /** The most room of a connection whose reader is faster than what comes. */
  private static final int MOST_ROOM = 1 << 20;

  private final int number;
  private final Consumer<byte[]> sender;
  private final Semaphore more;
  private final Runnable onClose;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  // Guarded by lock.
  private final Queue<byte[]> received = new ArrayDeque<>();
  private int window = Frames.ROOM_FROM_SANDBOX;
  private int granted = window;
  private int read;
  private long room = Frames.ROOM_TO_SANDBOX;
  private boolean hasEnded;
  private boolean isEnded;
  private boolean isClosed;
  private @Nullable PortException failure;
  private long usedAt = System.nanoTime();

  /**
   * @param sender takes frames to the sandbox, and does not wait
   * @param more how many bytes of room all connections may have beyond that of new ones
   * @param onClose is run once, when the connection is over
   */
  PortConnection(int number, Consumer<byte[]> sender, Semaphore more, Runnable onClose) {
    this.number = number;
    this.sender = sender;
    this.more = more;
    this.onClose = onClose;
  }

  int number() {
    return number;
  }

  /**
   * Takes a frame of this connection.
   *
   * @throws IllegalArgumentException if the sandbox may not send it
   */
  void frame(int kind, int value, byte[] data) {
    lock.lock();
    try {
      if (isClosed) {
        return;
      }
      switch (kind) {
        case Frames.DATA -> {
          granted -= data.length;
          if (granted < 0 || hasEnded) {
            throw new IllegalArgumentException("more bytes than there was room for");
          }
          received.add(data);
        }
        case Frames.END -> hasEnded = true;
        case Frames.RESET ->
            fail(
                value == Frames.NOT_OPEN
                    ? new PortException(502, "The sandbox is running but port is not open")
                    : new PortException(502, "the server in the sandbox broke the connection"));
        case Frames.WINDOW -> {
          room += value;
          if (value < 0 || room > Frames.ROOM_TO_SANDBOX) {
            throw new IllegalArgumentException("room for more than was sent");
          }
        }
        default -> throw new IllegalArgumentException("a frame of kind " + kind);
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Ends all waits. What was received can still be read. */
  void fail(PortException e) {
    lock.lock();
    try {
      if (failure == null) {
        failure = e;
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits for bytes.
   *
   * @return null at the end
   */
  byte @Nullable [] read() throws PortException, InterruptedException {
    lock.lockInterruptibly();
    try {
      while (received.isEmpty()) {
        if (failure != null) {
          throw failure;
        }
        if (hasEnded) {
          return null;
        }
        long _ = changed.awaitNanos(patience());
      }
      byte[] bytes = received.remove();
      usedAt = System.nanoTime();
      read += bytes.length;
      if (read >= window / 4 && !hasEnded && !isClosed) {
        if (received.isEmpty() && window < MOST_ROOM && more.tryAcquire(window)) {
          read += window;
          window *= 2;
        }
        granted += read;
        sender.accept(Frames.of(Frames.WINDOW, number, read));
        read = 0;
      }
      return bytes;
    } finally {
      lock.unlock();
    }
  }

  /** Writes bytes, and waits while the server does not take them. */
  void write(byte[] bytes, int from, int length) throws PortException, InterruptedException {
    lock.lockInterruptibly();
    try {
      int written = 0;
      while (written < length) {
        while (room == 0) {
          requireOpen();
          long _ = changed.awaitNanos(patience());
        }
        requireOpen();
        int count = (int) Math.min(Math.min(room, Frames.PIECE), length - written);
        sender.accept(Frames.data(number, bytes, from + written, count));
        room -= count;
        written += count;
        usedAt = System.nanoTime();
      }
    } finally {
      lock.unlock();
    }
  }

  private void requireOpen() throws PortException {
    if (failure != null) {
      throw failure;
    }
    if (isClosed || isEnded) {
      throw new PortException(502, "the connection was closed");
    }
  }

  /** Returns for how many nanoseconds nothing more may come or go. */
  private long patience() throws PortException {
    if (isClosed) {
      throw new PortException(502, "the connection was closed");
    }
    long left = IDLE.toNanos() - (System.nanoTime() - usedAt);
    if (left <= 0) {
      throw new PortException(504, "nothing came from the port for " + IDLE.toMinutes() + " min");
    }
    return left;
  }

  /** Lets the server know that no more bytes come. */
  void end() {
    lock.lock();
    try {
      if (!isEnded && !isClosed && failure == null) {
        isEnded = true;
        sender.accept(Frames.of(Frames.END, number, 0));
      }
    } finally {
      lock.unlock();
    }
  }

  /** Closes the connection, and ends all waits. */
  @Override
  public void close() {
    lock.lock();
    try {
      if (isClosed) {
        return;
      }
      isClosed = true;
      received.clear();
      more.release(window - Frames.ROOM_FROM_SANDBOX);
      if (failure == null && !(hasEnded && isEnded)) {
        sender.accept(Frames.of(Frames.RESET, number, 0));
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    onClose.run();
  }
}
