/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

/** Whose a partition is, as far as this worker knows. An assignment's state only ever moves on. */
public enum PartitionState {
  /** This worker's, once what its former owner left is announced. Nothing is read until then. */
  TAKING_OVER,
  /** This worker's. */
  OWNED,
  /** Going to another worker: what runs may end, nothing may begin. */
  REVOKING,
  /** Another worker's: nothing of it may be announced any more. */
  LOST;

  /** What the former owner left is announced. */
  PartitionState takeOver() {
    return this == TAKING_OVER ? OWNED : this;
  }

  /** The group takes the partition away. */
  PartitionState revoke() {
    return this == LOST ? this : REVOKING;
  }

  /** Another worker may have the partition already. */
  PartitionState lose() {
    return LOST;
  }

  /** Whether work on a record may begin. */
  public boolean mayBegin() {
    return this == OWNED;
  }

  /** Whether the partition's users are served here, now or soon, so that their activity matters. */
  public boolean stays() {
    return this == TAKING_OVER || this == OWNED;
  }

  /** Whether what comes of the partition's records may be announced here. */
  public boolean mayAnnounce() {
    return this != LOST;
  }
}
