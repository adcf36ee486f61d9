/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Collects the heap whenever it has grown a little, to keep the console's memory small. The serial
 * collector would let the heap grow to its limit first, which is set for much more than is usually
 * kept, and collecting a heap of that size takes a tenth of a second.
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
        // A sixteenth: the more is kept, the longer a collection takes, so the rarer it must be.
        if (size() > before + Math.max(LEAST_GROWTH_BYTES, before / 16)) {
          System.gc();
          before = size();
        }
      }
    } catch (InterruptedException _) {
      // not expected; the heap then grows to its limit
    }
  }

  /**
   * Returns the memory that is committed for the heap. It grows when surviving objects need room.
   */
  private static long size() {
    return Runtime.getRuntime().totalMemory();
  }

  @Override
  public void close() {
    stop.countDown();
  }
}
