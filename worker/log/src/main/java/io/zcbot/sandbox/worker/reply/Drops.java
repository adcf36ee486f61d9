/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reply;

import io.zcbot.sandbox.worker.base.Time;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Counts dropped copies, and logs them at most once a minute, because requesters choose the topic
 * names and could flood the log. Thread-safe.
 */
final class Drops {
  private static final Logger log = LoggerFactory.getLogger(Drops.class);
  private static final Duration LOG_INTERVAL = Duration.ofMinutes(1);

  private final Time time;
  private final ReplyMetrics metrics;
  private long count;
  private @Nullable Long logged;

  Drops(Time time, ReplyMetrics metrics) {
    this.time = time;
    this.metrics = metrics;
  }

  void dropped(String topic, ReplyDrop why, int copies) {
    for (int i = 0; i < copies; i++) {
      metrics.dropped(why);
    }
    synchronized (this) {
      count += copies;
      long now = time.nanos();
      if (logged == null || now - logged >= LOG_INTERVAL.toNanos()) {
        log.warn(
            "copies of answers that were dropped since the last such message: {}; the last was for"
                + " {}, because {}",
            count,
            topic,
            text(why));
        count = 0;
        logged = now;
      }
    }
  }

  private static String text(ReplyDrop why) {
    return switch (why) {
      case ABSENT -> "the topic does not exist, or the worker may not see it";
      case DENIED -> "the worker has no permission Write on it";
      case TOO_LARGE -> "the record is larger than the topic's max.message.bytes";
      case LATE -> "the topic did not take copies in time";
      case FULL -> "too many topics are named at once";
      case FAILED -> "the client failed";
    };
  }
}
