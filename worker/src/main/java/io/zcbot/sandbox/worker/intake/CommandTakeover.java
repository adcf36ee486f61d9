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
   * @return for each partition what completes when its execs may be read; exceptionally, if the
   *     partition goes before
   */
  Map<Integer, CompletableFuture<Void>> of(Map<Integer, Holdings.Holding> partitions);
}
