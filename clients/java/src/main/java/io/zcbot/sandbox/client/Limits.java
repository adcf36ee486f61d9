/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.client.ClientMetrics.Request;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Bounds what a client does at the same time. Requests are admitted in the order in which they
 * come.
 */
final class Limits {
  static final int MOST_REQUESTS = 1_000_000;
  static final long MOST_BYTES = 1L << 40;

  private static final int UNIT = 1024;

  private final Semaphore requests;
  private final Semaphore memory;
  private final ClientMetrics metrics;
  private final AtomicBoolean isClosed = new AtomicBoolean();

  Limits(ClientOptions options) {
    this.requests = new Semaphore(options.maxInFlight(), true);
    this.memory = new Semaphore((int) (options.maxBufferedBytes() / UNIT), true);
    this.metrics = options.metrics();
  }

  /** Lets all waiters pass. What they do next fails because the client is closed. */
  void close() {
    if (isClosed.getAndSet(true)) {
      return; // a semaphore has no room for these permits again and again
    }
    requests.release(MOST_REQUESTS);
    memory.release(Integer.MAX_VALUE / 4);
  }

  /** What a request holds until it is closed. It must be closed once. */
  final class Turn implements AutoCloseable {
    private final int units;

    private Turn(int units) {
      this.units = units;
    }

    @Override
    public void close() {
      metrics.inFlight(-1);
      memory.release(units);
      requests.release();
    }
  }

  /**
   * Waits for a turn.
   *
   * @param bytes how many bytes of output the request may bring
   * @throws ClientOverloadedException if there is no turn before the deadline
   */
  Turn enter(Request request, int bytes, Deadline deadline) throws InterruptedException {
    if (!requests.tryAcquire(deadline.nanosLeft(), TimeUnit.NANOSECONDS)) {
      throw new ClientOverloadedException(
          "too many requests of this client wait for their answer; no turn for "
              + request
              + " before its deadline, see ClientOptions.maxInFlight");
    }
    int units = (bytes + UNIT - 1) / UNIT;
    boolean isEntered = false;
    try {
      isEntered = memory.tryAcquire(units, deadline.nanosLeft(), TimeUnit.NANOSECONDS);
    } finally {
      if (!isEntered) {
        requests.release();
      }
    }
    if (!isEntered) {
      throw new ClientOverloadedException(
          "the commands that run may write as much as this client may keep; no room for another"
              + " one before its deadline, see ClientOptions.maxBufferedBytes");
    }
    metrics.inFlight(1);
    return new Turn(units);
  }
}
