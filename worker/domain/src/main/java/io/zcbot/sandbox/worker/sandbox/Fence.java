/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

/** A check before an announcement, which only the owner of the user's partition may make. */
@FunctionalInterface
public interface Fence {
  /**
   * Returns if this worker owns the partition; blocks while that is uncertain.
   *
   * @throws FencedException if another worker owns the partition by now
   */
  void pass() throws FencedException, InterruptedException;

  Fence OPEN = () -> {};
}
