/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import io.zcbot.sandbox.events.UserId;

/** One assignment of partitions. What was read and queued during it must not be done after it. */
@FunctionalInterface
public interface Tenure {
  /**
   * Whether this worker still owns the user's partition by this assignment; blocks while in doubt.
   */
  boolean holds(UserId user) throws InterruptedException;
}
