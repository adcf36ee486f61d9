/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.reap.Tenure;
import java.util.Collection;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/**
 * Is notified when partitions are assigned, revoked and lost. Called on the poll thread; must not
 * block.
 */
public interface Handover {
  /**
   * This worker owns these partitions from now on.
   *
   * @param tenure holds until they are revoked or lost
   * @return for each partition, what completes when its ensures may be served
   */
  Map<Integer, CompletableFuture<Void>> assigned(Set<Integer> partitions, Tenure tenure);

  /**
   * Another worker may already own these partitions. Called instead of {@link #released}.
   *
   * @param atWork the users whose lanes have work of these partitions
   */
  void lost(Set<Integer> partitions, Collection<UserId> atWork);

  /**
   * These partitions are being revoked.
   *
   * @param atWork the users whose lanes have work of these partitions
   * @return completes when this worker no longer acts for their users
   */
  CompletableFuture<Void> released(Set<Integer> partitions, Collection<UserId> atWork);
}
