/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.commands.CommandWork;
import io.zcbot.sandbox.worker.kafka.CommandTableReader;
import io.zcbot.sandbox.worker.sandbox.Ownership;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * A partition of users whose commands are read, within one assignment. What its former owner left
 * in the command table is taken over before its execs are read. Confined to the poll thread, except
 * for {@link #mayBegin} and {@link #hold}.
 */
final class FollowedPartition {
  private final int number;
  private final Ownership ownership;
  private final long firstOfAssignment;
  private final Set<TopicPartition> committing;
  private final TopicPartition input;
  private final Set<Runnable> held = ConcurrentHashMap.newKeySet();
  private @Nullable CompletableFuture<CommandTableReader.Part> reading;
  private volatile CompletableFuture<Void> takeover = new CompletableFuture<>();
  private volatile boolean isLeft;

  /**
   * Begins to follow a partition.
   *
   * @param ownership by the assignment
   * @param firstOfAssignment the offset behind the execs that existed when the assignment began
   * @param reading its part of the command table
   */
  FollowedPartition(
      int number,
      CommandFollower.Topics topics,
      Ownership ownership,
      long firstOfAssignment,
      CompletableFuture<CommandTableReader.Part> reading) {
    this.number = number;
    this.ownership = ownership;
    this.firstOfAssignment = firstOfAssignment;
    this.committing =
        Set.of(
            new TopicPartition(topics.exec(), number),
            new TopicPartition(topics.release(), number));
    this.input = new TopicPartition(topics.input(), number);
    this.reading = reading;
  }

  Ownership ownership() {
    return ownership;
  }

  /** The offset behind the execs that existed when the assignment began. */
  long firstOfAssignment() {
    return firstOfAssignment;
  }

  /** The partitions of execs and releases. */
  Set<TopicPartition> committing() {
    return committing;
  }

  TopicPartition input() {
    return input;
  }

  /**
   * Takes over what was read, once it is read. Not called after {@link #leave}: a later assignment
   * reads anew, and its commands run.
   */
  void takeOver(CommandWork work) {
    CompletableFuture<CommandTableReader.Part> read = reading;
    if (read != null && read.isDone()) {
      reading = null; // it may be large
      takeover =
          read.thenCompose( // on this thread
              part -> work.takeOver(number, part.entries(), part.execEnd(), ownership));
    }
  }

  /** Why the takeover failed; null if it did not. */
  @Nullable String problem() {
    return takeover.isCompletedExceptionally()
        ? "taking over commands failed: " + takeover.exceptionNow()
        : null;
  }

  /** Whether work on its records may begin. Any thread. */
  boolean mayBegin() {
    return !isLeft && isTakenOver() && ownership.mayBegin();
  }

  private boolean isTakenOver() {
    return takeover.isDone() && !takeover.isCompletedExceptionally();
  }

  /**
   * Keeps bytes counted until the returned action runs, or the assignment ends.
   *
   * @param release of the bytes in flight of an exec
   */
  Runnable hold(Runnable release) {
    held.add(release);
    return () -> {
      release.run();
      held.remove(release);
    };
  }

  /** Lets nothing begin any more. */
  void leave() {
    isLeft = true;
  }

  /** Releases the bytes of execs that are not done, because nobody else will. */
  void release() {
    held.forEach(Runnable::run);
  }
}
