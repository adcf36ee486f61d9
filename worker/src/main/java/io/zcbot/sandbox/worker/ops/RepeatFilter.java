/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.filter.Filter;
import ch.qos.logback.core.spi.FilterReply;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/**
 * Limits the Kafka clients' log to one line per minute for each logger and level. While brokers are
 * away, each client logs a line for each attempt to connect; the worker's own lines report the
 * outage. Thread-safe.
 */
final class RepeatFilter extends Filter<ILoggingEvent> {
  private static final String LIBRARY = "org.apache.kafka.";
  private static final long INTERVAL_MS = Duration.ofMinutes(1).toMillis();

  /** When the last line passed, by level and logger. Bounded by the number of Kafka's loggers. */
  private final Map<String, Long> passed = new HashMap<>();

  @Override
  public synchronized FilterReply decide(ILoggingEvent event) {
    if (!event.getLoggerName().startsWith(LIBRARY)) {
      return FilterReply.NEUTRAL;
    }
    long now = event.getTimeStamp();
    String key = event.getLevel() + " " + event.getLoggerName();
    Long last = passed.get(key);
    if (last != null && Math.abs(now - last) < INTERVAL_MS) {
      return FilterReply.DENY;
    }
    passed.put(key, now);
    return FilterReply.NEUTRAL;
  }
}
