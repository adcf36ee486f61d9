/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.command;

import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Reads at a low rate what nobody wants. A hostile process that writes without end would otherwise
 * keep the engine busy: the engine reads as fast as it can, but no faster than those that are
 * attached.
 */
final class Trickle {
  /**
   * Bytes read between pauses from a first process that is not used any more. The engine delivers
   * what is unread before it reports the container's end, so the rate must not be lower.
   */
  private static final int PIECE = 16 << 10;

  private static final Duration PAUSE = Duration.ofMillis(50);

  private Trickle() {}

  /** Reads until the end, or until the thread is interrupted. */
  static void drain(InputStream body) throws IOException {
    byte[] buffer = new byte[PIECE];
    boolean more = true;
    while (more) {
      more = body.read(buffer) >= 0 && pause();
    }
  }

  /** Waits for a moment; returns false if the thread is interrupted. */
  static boolean pause() {
    try {
      return !new CountDownLatch(1).await(PAUSE.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return false;
    }
  }
}
