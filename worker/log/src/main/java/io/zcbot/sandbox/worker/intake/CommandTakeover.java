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
   * Reads what former owners of partitions left. Does not block.
   *
   * @param partitions with the assignment in which each is taken over
   * @return for each partition, what was read; exceptionally, if the partition is lost before
   */
  Map<Integer, CompletableFuture<Left>> of(Map<Integer, Holdings.Holding> partitions);

  /** What was read of one partition. */
  @FunctionalInterface
  interface Left {
    /**
     * Takes it over. Called on the thread that reads the partition's execs, and only while it does
     * so in the assignment of the reading: a later assignment has read anew, and its commands run.
     * Does not block.
     *
     * @return completes when execs may be read; exceptionally, if the partition is lost before
     */
    CompletableFuture<Void> takeOver();
  }
}
