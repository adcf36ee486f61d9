/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How much a consumer requests from a broker at a time. The responses of all brokers can wait in a
 * consumer together, so the brokers share a budget. A broker still sends a single batch that is
 * larger. Thread-safe.
 */
public final class FetchSize {
  private static final Logger log = LoggerFactory.getLogger(FetchSize.class);

  private static final int LARGEST = 2 * 1024 * 1024;

  /** The least, in bytes. Less would make a backlog of small batches slow to read. */
  static final int SMALLEST = 64 * 1024;

  /**
   * The most that waits in one consumer. Up to three brokers may each send the largest response.
   */
  private static final int BUDGET = 3 * LARGEST;

  private volatile int brokers = 1;
  private volatile int asked;

  /** Sets the number of brokers, for consumers that are created from now on. */
  public void brokers(int count) {
    int before = brokers;
    brokers = Math.max(1, count);
    String problem = problem();
    if (problem != null && brokers != before) {
      log.warn("{}", problem);
    }
  }

  int ofEachBroker() {
    int size = of(brokers);
    asked = Math.max(asked, size);
    return size;
  }

  static int of(int brokers) {
    return Math.clamp(BUDGET / brokers, SMALLEST, LARGEST);
  }

  /** Why existing consumers request too much; null if they do not. Any thread. */
  public @Nullable String problem() {
    int count = brokers;
    return asked >= 2 * of(count)
        ? "the cluster has "
            + count
            + " brokers by now, which can send each consumer of this worker "
            + (((long) asked * count) >> 20)
            + " MiB at once instead of "
            + (BUDGET >> 20)
            + " MiB: restart the worker, which goes by the number of brokers at its start"
        : null;
  }
}
