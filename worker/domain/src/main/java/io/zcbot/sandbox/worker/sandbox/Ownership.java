/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

/**
 * This worker's ownership of one partition, and so of its users, by one assignment of the consumer
 * group. It begins, is revoked and ends, and never goes back: a partition that comes back has
 * another ownership, and what was read and queued under an earlier one is not done under it.
 *
 * <p>The group's decision becomes known late, so each question says what it asks of the moment:
 * {@link #isCertain}, {@link #await} and {@link #pass} answer only while the group is known to
 * regard this worker as a member. Thread-safe.
 */
public interface Ownership extends Fence {
  /** Whether work on a record may begin: the partition was taken over, and is not being revoked. */
  boolean mayBegin();

  /**
   * Whether this worker serves the partition's users, now or once it has taken the partition over.
   * False from the beginning of a revocation on, while running work may still end.
   */
  boolean isKept();

  /** Whether another worker may own the partition: nothing more is announced for its users. */
  boolean isLost();

  /** Whether this worker certainly owns the partition at this moment. Does not wait. */
  boolean isCertain();

  /**
   * Waits until this worker certainly owns the partition.
   *
   * @return false if the partition is no longer {@linkplain #isKept kept}
   */
  boolean await() throws InterruptedException;

  /** Waits as {@link #await}, but also while the partition is being revoked. */
  @Override
  void pass() throws FencedException, InterruptedException;

  /** Of a partition that the group did not assign to this worker. */
  Ownership NONE =
      new Ownership() {
        @Override
        public boolean mayBegin() {
          return false;
        }

        @Override
        public boolean isKept() {
          return false;
        }

        @Override
        public boolean isLost() {
          return true;
        }

        @Override
        public boolean isCertain() {
          return false;
        }

        @Override
        public boolean await() {
          return false;
        }

        @Override
        public void pass() throws FencedException {
          throw new FencedException("the partition is not this worker's");
        }
      };
}
