/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Has the heap collected when it has grown a little. The serial collector would let it grow to its
 * limit first, which is there for far more than is usually kept, and a heap of that size takes a
 * tenth of a second.
 */
final class HeapWatch implements AutoCloseable {
  private static final Duration EVERY = Duration.ofMillis(50);
  private static final long LEAST_GROWTH_BYTES = 1L << 20;

  private final CountDownLatch stop = new CountDownLatch(1);
  private long before = size();

  static HeapWatch start() {
    HeapWatch watch = new HeapWatch();
    Thread.ofPlatform().name("console-heap").daemon().start(watch::run);
    return watch;
  }

  private void run() {
    try {
      while (!stop.await(EVERY.toMillis(), TimeUnit.MILLISECONDS)) {
        // A sixteenth: the more is kept, the longer a collection takes, and the fewer there are.
        if (size() > before + Math.max(LEAST_GROWTH_BYTES, before / 16)) {
          System.gc();
          before = size();
        }
      }
    } catch (InterruptedException _) {
      // Nobody does: the heap then grows to its limit.
    }
  }

  /**
   * What the process has taken for it. It grows where there is no room for what outlives a while.
   */
  private static long size() {
    return Runtime.getRuntime().totalMemory();
  }

  @Override
  public void close() {
    stop.countDown();
  }
}
