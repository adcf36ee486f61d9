/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.UserId;
import java.util.Collection;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/** What becomes of a partition's users when it comes or goes. */
public interface Handover {
  /**
   * These partitions are this worker's from now on.
   *
   * @return completes when their ensures may be served
   */
  CompletableFuture<Void> assigned(Set<Integer> partitions);

  /**
   * These partitions may be another worker's already. Called instead of {@link #released}.
   *
   * @param atWork users whose lanes have work of these partitions
   */
  void lost(Set<Integer> partitions, Collection<UserId> atWork);

  /**
   * These partitions go to another worker.
   *
   * @param atWork users whose lanes have work of these partitions
   * @return completes when this worker no longer acts for their users
   */
  CompletableFuture<Void> released(Set<Integer> partitions, Collection<UserId> atWork);
}
