/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** What the reader hands to somebody who waits, who is told once no more will come. */
final class Mailbox<E> {
  /** Answers come once, and seldom twice. */
  private static final int CAPACITY = 64;

  private final BlockingQueue<Letter<E>> letters = new ArrayBlockingQueue<>(CAPACITY);
  private volatile boolean isClosed;

  private record Letter<E>(@Nullable E content) {}

  /** Never blocks; what is too much is dropped. Whether it was taken. */
  boolean put(E content) {
    return letters.offer(new Letter<>(content));
  }

  /** The client is closed. */
  void close() {
    isClosed = true;
    letters.offer(new Letter<>(null)); // a full one wakes its reader anyway
  }

  /** The next one; null if there is none by the deadline. */
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
