/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.UserId;

/** Queues work for a user, behind everything that is already queued for that user. */
@FunctionalInterface
public interface UserLanes {
  /** Appends; false if the worker stops and the task will not run. */
  boolean submit(UserId user, Runnable task);
}
