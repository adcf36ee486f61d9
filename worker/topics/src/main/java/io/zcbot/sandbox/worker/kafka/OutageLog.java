/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import io.zcbot.sandbox.worker.base.Time;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;

/**
 * Logs an outage at its beginning, once a minute while it lasts, and at its end, because attempts
 * are far more frequent than useful log lines. Thread-safe.
 */
public final class OutageLog {
  static final Duration INTERVAL = Duration.ofMinutes(1);

  private final Logger log;
  private final Time time;
  private boolean failing;
  private long began;
  private long lastLine;

  /** Starts without an outage. */
  public OutageLog(Logger log, Time time) {
    this.log = log;
    this.time = time;
  }

  public void failed(String message) {
    failed(message, null);
  }

  /**
   * Notes a failed attempt.
   *
   * @param unexpected logged with its stack trace; null if the message suffices
   */
  public synchronized void failed(String message, @Nullable Throwable unexpected) {
    long now = time.nanos();
    if (failing && now - lastLine < INTERVAL.toNanos()) {
      return;
    }
    if (!failing) {
      began = now;
    }
    failing = true;
    lastLine = now;
    long seconds = seconds(now);
    log.warn("{}{}", message, seconds == 0 ? "" : " (for " + seconds + " s)", unexpected);
  }

  /** Notes a successful attempt. */
  public synchronized void works(String message) {
    if (failing) {
      failing = false;
      log.info("{} after {} s", message, seconds(time.nanos()));
    }
  }

  private long seconds(long now) {
    return Duration.ofNanos(now - began).toSeconds();
  }
}
