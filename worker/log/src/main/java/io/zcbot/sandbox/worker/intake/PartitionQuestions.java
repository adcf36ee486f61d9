/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.base.Time;
import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.Set;
import org.apache.kafka.common.errors.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Asks brokers about partitions, on a thread that also reads other partitions. All are asked about
 * together; if that takes too long, each is asked about alone and briefly, one a round, so that a
 * partition that can't be reached does not hold up the others. Confined to that thread, except for
 * {@link #problem}.
 *
 * @param <P> names a partition
 */
final class PartitionQuestions<P> {
  private static final Duration TOGETHER = Duration.ofSeconds(5);

  /** Short, since the client continues to connect after the call timed out. */
  private static final Duration ALONE = Duration.ofSeconds(1);

  /** The pause between questions about unreached partitions, so that the thread mostly reads. */
  private static final Duration AGAIN = Duration.ofSeconds(5);

  private final Time time;

  /** Partitions of a joint question that timed out, not yet asked about alone. */
  private final Set<P> doubtful = new LinkedHashSet<>();

  private final Set<P> unreached = new LinkedHashSet<>();
  private long due;
  private String failure = "";
  private volatile @Nullable String problem;

  /** A question to the brokers. */
  @FunctionalInterface
  interface Question<P> {
    /**
     * Asks, and acts on the answer.
     *
     * @param limit longest wait for one answer
     * @throws TimeoutException if an answer did not come; nothing may have been done then
     */
    void ask(Set<P> of, Duration limit);
  }

  PartitionQuestions(Time time) {
    this.time = time;
  }

  /**
   * Asks one question, about new partitions or about those whose turn it is, if any. Blocks for the
   * answer.
   *
   * @param wanted all partitions that are of interest; others are forgotten
   */
  void ask(Set<P> wanted, Question<P> question) {
    doubtful.retainAll(wanted);
    unreached.retainAll(wanted);
    Set<P> fresh = new HashSet<>(wanted);
    fresh.removeAll(doubtful);
    fresh.removeAll(unreached);
    Set<P> asked = fresh.isEmpty() ? next() : fresh;
    if (!asked.isEmpty()) {
      ask(asked, fresh.isEmpty() ? ALONE : TOGETHER, question);
    }
    problem =
        unreached.isEmpty()
            ? null
            : "partitions %s can't be reached: %s"
                .formatted(unreached.stream().map(String::valueOf).sorted().toList(), failure);
  }

  private void ask(Set<P> asked, Duration limit, Question<P> question) {
    try {
      question.ask(asked, limit);
      doubtful.removeAll(asked);
      if (unreached.removeAll(asked)) {
        due = time.nanos(); // others may be reachable again, too
      }
    } catch (TimeoutException e) {
      failure = String.valueOf(e.getMessage());
      doubtful.removeAll(asked);
      unreached.removeAll(asked);
      (asked.size() > 1 ? doubtful : unreached).addAll(asked);
      due = time.nanos() + AGAIN.toNanos();
    }
  }

  private Set<P> next() {
    if (!doubtful.isEmpty()) {
      return Set.of(doubtful.iterator().next());
    }
    return unreached.isEmpty() || time.nanos() - due < 0
        ? Set.of()
        : Set.of(unreached.iterator().next());
  }

  /** Filters partitions for those whose last question was not answered. */
  Set<P> unanswered(Collection<P> of) {
    Set<P> unanswered = new HashSet<>(of);
    unanswered.removeIf(each -> !doubtful.contains(each) && !unreached.contains(each));
    return unanswered;
  }

  /** Names the partitions that can't be reached, and why; null while all can. Any thread. */
  @Nullable String problem() {
    return problem;
  }

  /** The message of the last question that was not answered; empty if there was none so far. */
  String failure() {
    return failure;
  }
}
