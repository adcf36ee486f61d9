/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.pool;

import io.zcbot.sandbox.worker.spec.Profile;
import org.jspecify.annotations.Nullable;

/** The room that a host has for warm slots. */
public interface SlotRoom {
  /** Most slots, of all profiles together. */
  int slots();

  /** Most memory that slots may take. */
  default long bytes() {
    return Long.MAX_VALUE;
  }

  /** The memory that one slot of a profile takes. */
  default long bytesOf(Profile profile) {
    return 1;
  }

  /** Why the engine can have no slots of a profile; null if it can. */
  default @Nullable String problem(Profile profile) {
    return null;
  }
}
