/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

/** Stands before an announcement: only who still has the user's partition may make it. */
@FunctionalInterface
public interface Fence {
  /**
   * Returns while the partition is this worker's, waiting where that is in doubt.
   *
   * @throws FencedException if the partition is another worker's by now
   */
  void pass() throws FencedException, InterruptedException;

  /** Always open. */
  Fence OPEN = () -> {};
}
