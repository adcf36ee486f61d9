/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How much a consumer asks a broker for at a time. The answers of all brokers can wait in it at
 * once, so they share a budget. A broker sends a batch that is larger nevertheless.
 */
public final class FetchSize {
  private static final Logger log = LoggerFactory.getLogger(FetchSize.class);

  private static final int LARGEST = 2 * 1024 * 1024;

  /** Of many small batches. Less would make a backlog slow to read. */
  static final int SMALLEST = 64 * 1024;

  /** What waits in one consumer. Three brokers send as much as a single one would. */
  private static final int BUDGET = 3 * LARGEST;

  private volatile int brokers = 1;
  private volatile int asked;

  /** The cluster has so many brokers. Consumers that are created from now on go by that. */
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

  /** Why consumers that exist ask for too much; null if they do not. */
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
