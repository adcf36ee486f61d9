/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Collects the heap whenever it has grown a little, to keep a process small. The serial collector
 * would let the heap grow to its limit first, which is set for much more than is usually kept.
 */
final class HeapWatch implements AutoCloseable {
  private static final Duration EVERY = Duration.ofMillis(50);
  private static final long LEAST_GROWTH_BYTES = 1L << 20;
  private static final Duration AT_LEAST_EVERY = Duration.ofMinutes(1);

  private final CountDownLatch stop = new CountDownLatch(1);
  private final long from;
  private long before = size();
  private long collected = System.nanoTime();

  private HeapWatch(long from) {
    this.from = from;
  }

  /**
   * Begins to watch.
   *
   * @param from the size in bytes up to which the heap grows without being collected. While it is
   *     larger, it is also collected every minute, because it may have been large for a moment only
   */
  static HeapWatch start(long from) {
    HeapWatch watch = new HeapWatch(from);
    Thread.ofPlatform().name("heap").daemon().start(watch::run);
    return watch;
  }

  private void run() {
    try {
      while (!stop.await(EVERY.toMillis(), TimeUnit.MILLISECONDS)) {
        // A sixteenth: the more is kept, the longer a collection takes, so the rarer it must be.
        boolean hasGrown = size() > before + Math.max(LEAST_GROWTH_BYTES, before / 16);
        boolean isDue = System.nanoTime() - collected > AT_LEAST_EVERY.toNanos();
        if (size() > from && (hasGrown || isDue)) {
          System.gc();
          before = size();
          collected = System.nanoTime();
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
