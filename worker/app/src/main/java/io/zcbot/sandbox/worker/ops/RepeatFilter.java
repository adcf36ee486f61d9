/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.filter.Filter;
import ch.qos.logback.core.spi.FilterReply;
import io.zcbot.sandbox.worker.base.Recent;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/**
 * Limits lines that repeat, in each minute and for each level. Of the Kafka clients' log, one line
 * of each logger passes: while brokers are away, each client logs a line for each attempt to
 * connect, and the worker's own lines report the outage. Of our own, a hundred lines about a user
 * pass that differ in their arguments only, since an agent may cause a line with each record that
 * it sends, and a thousand that are about no user, as those about dead letters. Debug lines are not
 * limited. Thread-safe.
 */
final class RepeatFilter extends Filter<ILoggingEvent> {
  static final int OF_USER = 100;
  static final int OF_NOBODY = 1000;

  private static final String LIBRARY = "org.apache.kafka.";
  private static final int OF_LIBRARY = 1;
  private static final int MOST_KINDS = 1000;
  private static final long INTERVAL_MS = Duration.ofMinutes(1).toMillis();

  private final Map<String, Passed> ofLibrary = new HashMap<>();
  private final Map<String, Passed> ofUsers = Recent.mapByUse(MOST_KINDS);
  private final Map<String, Passed> ofNobody = Recent.mapByUse(MOST_KINDS);

  /** How many lines of one kind passed since a moment. */
  private record Passed(long since, int lines) {}

  @Override
  public FilterReply decide(ILoggingEvent event) {
    String kind = event.getLevel() + " " + event.getLoggerName();
    if (event.getLoggerName().startsWith(LIBRARY)) {
      return limit(ofLibrary, kind, OF_LIBRARY, event);
    }
    if (!event.getLevel().isGreaterOrEqual(Level.INFO)) {
      return FilterReply.NEUTRAL;
    }
    String user = event.getMDCPropertyMap().get("user");
    return user == null
        ? limit(ofNobody, kind + " " + event.getMessage(), OF_NOBODY, event)
        : limit(ofUsers, kind + " " + user + " " + event.getMessage(), OF_USER, event);
  }

  private synchronized FilterReply limit(
      Map<String, Passed> passed, String kind, int most, ILoggingEvent event) {
    long now = event.getTimeStamp();
    Passed before = passed.get(kind);
    if (before == null || Math.abs(now - before.since) >= INTERVAL_MS) {
      passed.put(kind, new Passed(now, 1));
      return FilterReply.NEUTRAL;
    }
    if (before.lines == most) {
      return FilterReply.DENY;
    }
    passed.put(kind, new Passed(before.since, before.lines + 1));
    return FilterReply.NEUTRAL;
  }
}
