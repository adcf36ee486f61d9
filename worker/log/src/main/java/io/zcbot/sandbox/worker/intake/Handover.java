/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.sandbox.Ownership;
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
   * @param partitions with the ownership that begins
   * @return for each partition, what completes when its ensures may be served
   */
  Map<Integer, CompletableFuture<Void>> assigned(Map<Integer, Ownership> partitions);

  /** Another worker may already own these partitions. Called instead of {@link #released}. */
  void lost(Set<Integer> partitions);

  /**
   * These partitions are being revoked.
   *
   * @return completes when this worker no longer acts for their users
   */
  CompletableFuture<Void> released(Set<Integer> partitions);
}
