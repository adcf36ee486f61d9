/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.UserId;

/** Queues work for a user behind all work that is already queued for that user. Thread-safe. */
@FunctionalInterface
public interface UserLanes {
  /** Appends a task; false if the worker stops and the task will not run. Never blocks. */
  boolean submit(UserId user, Runnable task);
}
