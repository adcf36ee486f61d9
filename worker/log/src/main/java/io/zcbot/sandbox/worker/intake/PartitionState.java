/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

/**
 * The ownership of a partition, as far as this worker knows. Within an assignment, the state never
 * goes back.
 */
public enum PartitionState {
  /**
   * Owned by this worker, but nothing is read until the losses of the former owner are announced.
   */
  TAKING_OVER,
  /** Owned by this worker. */
  OWNED,
  /** Being revoked: running work may end, new work may not begin. */
  REVOKING,
  /** Owned by another worker: nothing may be announced any more. */
  LOST;

  /** The losses of the former owner are announced. */
  PartitionState takeOver() {
    return this == TAKING_OVER ? OWNED : this;
  }

  /** The group revokes the partition. */
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

  /**
   * Whether this worker serves the partition's users, now or soon, so that their activity matters.
   */
  public boolean stays() {
    return this == TAKING_OVER || this == OWNED;
  }

  /** Whether results of the partition's records may be announced here. */
  public boolean mayAnnounce() {
    return this != LOST;
  }
}
