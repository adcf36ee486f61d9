/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.worker.audit.log.RecordPosition;
import org.jspecify.annotations.Nullable;

/** A reaped event with the reason purged, which is the sign of a worker's start. */
record Purge(long time, RecordPosition position) {
  static Purge later(@Nullable Purge one, Purge other) {
    return one == null || other.time > one.time ? other : one;
  }
}
