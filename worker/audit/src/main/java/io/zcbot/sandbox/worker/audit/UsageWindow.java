/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.worker.audit.log.RecordPosition;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The recent uses of a session, in constant memory: the first and the last use of each period of
 * half the grace in which it was used, for the last {@value #KEPT} such periods. This suffices to
 * tell whether the latest use before the grace is older than the TTL.
 */
final class UsageWindow {
  private static final int KEPT = 4;

  private final long stretch;
  private final @Nullable Stretch[] stretches = new Stretch[KEPT];
  private int count;

  /** A use, and the record that proves it. */
  record Use(long time, RecordPosition position) {}

  private record Stretch(Use first, Use last) {}

  UsageWindow(long graceMs) {
    this.stretch = Math.max(1, graceMs / 2);
  }

  /** Notes a use; one that is earlier than the latest known use changes nothing. */
  void add(long time, RecordPosition position) {
    Use use = new Use(time, position);
    if (count > 0) {
      Stretch latest = get(count - 1);
      if (time < latest.last.time) {
        return;
      }
      if (time - latest.first.time < stretch) {
        stretches[(count - 1) % KEPT] = new Stretch(latest.first, use);
        return;
      }
    }
    stretches[count++ % KEPT] = new Stretch(use, use);
  }

  /** The latest use. There must be one. */
  Use last() {
    return get(count - 1).last;
  }

  @Nullable Use lastAtOrBefore(long time) {
    for (int i = count - 1; i >= Math.max(0, count - KEPT); i--) {
      Stretch uses = get(i);
      if (uses.last.time <= time) {
        return uses.last;
      }
      if (uses.first.time <= time) {
        return uses.first;
      }
    }
    return null;
  }

  private Stretch get(int index) {
    return Objects.requireNonNull(stretches[index % KEPT]);
  }
}
