/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * The takeover of one partition's commands, for as long as the partition is followed in one
 * assignment. What is read later than that is not taken over. Confined to the poll thread, except
 * for {@link #isOver}.
 */
final class PartitionTakeover {
  private @Nullable CompletableFuture<CommandTakeover.Left> reading;
  private volatile CompletableFuture<Void> answering = new CompletableFuture<>();

  PartitionTakeover(CompletableFuture<CommandTakeover.Left> reading) {
    this.reading = reading;
  }

  /** Takes over what was read, once it is read. Called while the partition is followed. */
  void proceed() {
    CompletableFuture<CommandTakeover.Left> read = reading;
    if (read != null && read.isDone()) {
      reading = null; // it may be large
      answering = read.thenCompose(CommandTakeover.Left::takeOver); // on this thread
    }
  }

  /** Whether execs may be read. Any thread. */
  boolean isOver() {
    return answering.isDone() && !answering.isCompletedExceptionally();
  }

  /** Why the takeover failed; null if it did not. */
  @Nullable String problem() {
    return answering.isCompletedExceptionally()
        ? "taking over commands failed: " + answering.exceptionNow()
        : null;
  }
}
