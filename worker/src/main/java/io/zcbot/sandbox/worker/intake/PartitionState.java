/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

/** Whose a partition is, as far as this worker knows. A state only ever moves on. */
enum PartitionState {
  /** This worker's. */
  OWNED,
  /** Going to another worker: what runs may end, nothing may begin. */
  REVOKING,
  /** Another worker's: nothing of it may be announced any more. */
  LOST;

  /** The group takes the partition away. */
  PartitionState revoke() {
    return this == OWNED ? REVOKING : this;
  }

  /** Another worker may have the partition already. */
  PartitionState lose() {
    return LOST;
  }

  /** Whether work on a record may begin. */
  boolean mayBegin() {
    return this == OWNED;
  }

  /** Whether what came of a record may be announced. */
  boolean mayAnnounce() {
    return this != LOST;
  }
}
