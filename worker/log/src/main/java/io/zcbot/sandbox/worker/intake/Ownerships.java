/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.sandbox.Ownership;

/** The current ownership of each partition. May be called from any thread. */
@FunctionalInterface
public interface Ownerships {
  /** The ownership by the current assignment; {@link Ownership#NONE} if there is none. */
  Ownership of(int partition);
}
