/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.log;

import io.zcbot.sandbox.events.Topic;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Since when each partition is completely known. Retention cuts topics at different times, so a
 * record that seems to be missing may have been deleted: before this time, absence proves nothing.
 */
public final class Coverage {
  private final long from;
  private final Map<RecordPosition, Long> cuts = new HashMap<>();

  public Coverage(@Nullable Instant from) {
    this(from, Long.MIN_VALUE);
  }

  public Coverage(@Nullable Instant from, long orFrom) {
    this.from = from == null ? orFrom : Math.max(from.toEpochMilli(), orFrom);
  }

  /** The whole log is known, as far back as it goes. */
  public static Coverage ever() {
    return new Coverage(null);
  }

  /** A partition lacks records before this time. */
  public void cut(Topic topic, int partition, long time) {
    cuts.merge(new RecordPosition(topic, partition, 0), time, Math::max);
  }

  /** The time in milliseconds; {@code Long.MIN_VALUE} for a partition that lacks nothing. */
  public long of(Topic topic, int partition) {
    return Math.max(
        from, cuts.getOrDefault(new RecordPosition(topic, partition, 0), Long.MIN_VALUE));
  }

  /** The time since when all partitions of a topic are known. */
  public long of(Topic topic) {
    long since = from;
    for (Map.Entry<RecordPosition, Long> cut : cuts.entrySet()) {
      if (cut.getKey().topic() == topic) {
        since = Math.max(since, cut.getValue());
      }
    }
    return since;
  }

  long from() {
    return from;
  }

  void forEachCut(BiConsumer<RecordPosition, Long> action) {
    cuts.forEach(action);
  }
}
