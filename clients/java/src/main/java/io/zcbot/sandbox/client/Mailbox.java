/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Hands over events from the reader's thread to a waiting caller, and tells the caller when no more
 * will come.
 */
final class Mailbox<E> {
  /** An answer comes once, and rarely twice. */
  private static final int CAPACITY = 64;

  private final BlockingQueue<Letter<E>> letters = new ArrayBlockingQueue<>(CAPACITY);
  private volatile boolean isClosed;

  private record Letter<E>(@Nullable E content) {}

  /**
   * Adds an event without blocking, or drops it if the mailbox is full. Returns whether it was
   * added.
   */
  boolean put(E content) {
    return letters.offer(new Letter<>(content));
  }

  boolean isEmpty() {
    return letters.isEmpty();
  }

  /** Tells the caller that no more events will come, because the client is closed. */
  void close() {
    isClosed = true;
    letters.offer(new Letter<>(null)); // a full mailbox wakes its reader anyway
  }

  /**
   * Returns the next event; null if there is none by the deadline.
   *
   * @throws ClientClosedException if the client is closed and no event is left
   */
  @Nullable E take(Deadline deadline) throws InterruptedException {
    Letter<E> letter = letters.poll(deadline.nanosLeft(), TimeUnit.NANOSECONDS);
    if (letter != null && letter.content() != null) {
      return letter.content();
    }
    if (isClosed) {
      throw new ClientClosedException();
    }
    return null;
  }
}
