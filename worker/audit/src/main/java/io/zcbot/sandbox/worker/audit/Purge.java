/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.worker.audit.log.RecordPosition;
import java.util.Comparator;
import org.jspecify.annotations.Nullable;

/** A reaped event with the reason purged, which is the sign of a worker's start. */
record Purge(long time, RecordPosition position) {
  /** Of several at one time it is the same one, whichever was read first. */
  private static final Comparator<Purge> LATER =
      Comparator.comparingLong(Purge::time)
          .thenComparingInt(purge -> purge.position.partition())
          .thenComparingLong(purge -> purge.position.offset());

  static Purge later(@Nullable Purge one, Purge other) {
    return one == null || LATER.compare(other, one) > 0 ? other : one;
  }
}
