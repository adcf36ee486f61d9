/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.events.Topic;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * From when on each partition is known in full. Retention cuts topics at different times, so what
 * seems to be missing may have been there: before this, absence proves nothing.
 */
public final class KnownSince {
  private final long from;
  private final Map<Place, Long> cuts = new HashMap<>();

  KnownSince(@Nullable Instant from) {
    this(from, Long.MIN_VALUE);
  }

  KnownSince(@Nullable Instant from, long orFrom) {
    this.from = from == null ? orFrom : Math.max(from.toEpochMilli(), orFrom);
  }

  /** The whole log is known, as far back as it goes. */
  static KnownSince ever() {
    return new KnownSince(null);
  }

  /** A partition lacks records before this time. */
  void cut(Topic topic, int partition, long time) {
    cuts.merge(new Place(topic, partition, 0), time, Math::max);
  }

  /** The time in milliseconds; {@code Long.MIN_VALUE} for a partition that lacks nothing. */
  long of(Topic topic, int partition) {
    return Math.max(from, cuts.getOrDefault(new Place(topic, partition, 0), Long.MIN_VALUE));
  }

  /** The time since when all partitions of a topic are known. */
  long of(Topic topic) {
    long since = from;
    for (Map.Entry<Place, Long> cut : cuts.entrySet()) {
      if (cut.getKey().topic() == topic) {
        since = Math.max(since, cut.getValue());
      }
    }
    return since;
  }

  long from() {
    return from;
  }

  void forEachCut(BiConsumer<Place, Long> action) {
    cuts.forEach(action);
  }
}
