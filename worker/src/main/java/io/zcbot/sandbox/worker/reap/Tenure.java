/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import io.zcbot.sandbox.events.UserId;

/** One assignment of partitions: what is read and queued during it must not be done after it. */
@FunctionalInterface
public interface Tenure {
  /** Whether the user's partition still is this worker's by it; waits where that is in doubt. */
  boolean holds(UserId user) throws InterruptedException;
}
