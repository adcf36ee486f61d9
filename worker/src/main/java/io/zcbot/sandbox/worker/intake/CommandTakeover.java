/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import java.util.Map;
import java.util.concurrent.CompletableFuture;

/** Answers what former owners of partitions left, and learns which commands are known. */
@FunctionalInterface
public interface CommandTakeover {
  /**
   * Takes partitions over. Does not block.
   *
   * @param partitions with the assignment in which that is done
   * @return completes when their execs may be read; never, if the partitions go before
   */
  CompletableFuture<Void> of(Map<Integer, Holdings.Holding> partitions);
}
