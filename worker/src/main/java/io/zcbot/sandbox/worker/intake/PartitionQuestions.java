/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.sandbox.Time;
import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.Set;
import org.apache.kafka.common.errors.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Asks brokers about partitions, on a thread that reads others meanwhile. One question is for all
 * of them. If it takes too long, each is asked about alone and briefly, one a round, so that one
 * that can't be reached holds up no other. Confined to that thread, but for the problem.
 *
 * @param <P> names a partition
 */
final class PartitionQuestions<P> {
  private static final Duration TOGETHER = Duration.ofSeconds(5);

  /** The client goes on with a connection that takes longer. */
  private static final Duration ALONE = Duration.ofSeconds(1);

  /** Between questions about those that did not answer, so that the thread mostly reads. */
  private static final Duration AGAIN = Duration.ofSeconds(5);

  private final Time time;

  /** They were asked about together, and not alone yet. */
  private final Set<P> doubtful = new LinkedHashSet<>();

  private final Set<P> unreached = new LinkedHashSet<>();
  private long due;
  private String failure = "";
  private volatile @Nullable String problem;

  /** What brokers are asked. */
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

  /** Asks one question about those of some partitions whose turn it is, if any. */
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
        due = time.nanos(); // others may be back as well
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

  /** Those of some partitions about which there is no answer. */
  Set<P> unanswered(Collection<P> of) {
    Set<P> unanswered = new HashSet<>(of);
    unanswered.removeIf(each -> !doubtful.contains(each) && !unreached.contains(each));
    return unanswered;
  }

  /** Which partitions can't be reached, and why; null while all can. Any thread. */
  @Nullable String problem() {
    return problem;
  }

  /** Why there was no answer, the last time that there was none. */
  String failure() {
    return failure;
  }
}
