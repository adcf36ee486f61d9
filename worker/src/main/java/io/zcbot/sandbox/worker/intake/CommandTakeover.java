/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * Answers the commands that former owners of partitions left unanswered, and learns which commands
 * are known.
 */
@FunctionalInterface
public interface CommandTakeover {
  /**
   * Takes partitions over. Does not block.
   *
   * @param partitions with the assignment in which each is taken over
   * @return for each partition, what completes when its execs may be read; exceptionally, if the
   *     partition is lost before
   */
  Map<Integer, CompletableFuture<Void>> of(Map<Integer, Holdings.Holding> partitions);
}
