/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.base.Time;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.RetriableException;
import org.jspecify.annotations.Nullable;

/**
 * Questions about partitions and the answers that have come, for a thread that also reads. A
 * partition whose leader does not answer is asked about again, and holds up no other. Confined to
 * that thread, except for {@link #problem}.
 *
 * @param <P> names a partition
 * @param <A> the answer
 */
final class PartitionAnswers<P, A> {
  /** An answer that takes longer counts as missing, which is a problem. */
  private static final Duration TOLERATED = Duration.ofSeconds(5);

  /** The pause after a question that failed. */
  private static final Duration AGAIN = Duration.ofSeconds(5);

  private final Time time;
  private final Map<P, Question<A>> open = new LinkedHashMap<>();
  private final Map<P, Long> failed = new LinkedHashMap<>();
  private String failure = "no answer for " + TOLERATED.toSeconds() + " s";
  private volatile @Nullable String problem;

  private record Question<A>(CompletableFuture<A> answer, long asked) {}

  PartitionAnswers(Time time) {
    this.time = time;
  }

  /**
   * Asks about partitions whose answer is not awaited already, and which did not fail just now.
   *
   * @param wanted all partitions of interest; others are forgotten
   * @return whether a question was asked
   */
  boolean ask(Set<P> wanted, Function<Set<P>, Map<P, CompletableFuture<A>>> question) {
    open.keySet().retainAll(wanted);
    failed.keySet().retainAll(wanted);
    long now = time.nanos();
    Set<P> asked = new HashSet<>(wanted);
    asked.removeAll(open.keySet());
    asked.removeIf(each -> failed.containsKey(each) && now - failed.get(each) < AGAIN.toNanos());
    if (!asked.isEmpty()) {
      question
          .apply(asked)
          .forEach((partition, answer) -> open.put(partition, new Question<>(answer, now)));
    }
    return !asked.isEmpty();
  }

  /** Waits until all answers have come, for a limited time. */
  void await(Duration limit) {
    try {
      var _ =
          CompletableFuture.allOf(
                  open.values().stream().map(Question::answer).toArray(CompletableFuture[]::new))
              .get(limit.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException | ExecutionException _) {
      // Some have come, perhaps.
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * Returns the answers that have come since the last call.
   *
   * @throws KafkaException if a question can't be answered, whichever broker leads the partition
   */
  Map<P, A> take() {
    Map<P, A> come = new HashMap<>();
    for (Iterator<Map.Entry<P, Question<A>>> each = open.entrySet().iterator(); each.hasNext(); ) {
      Map.Entry<P, Question<A>> question = each.next();
      CompletableFuture<A> answer = question.getValue().answer;
      if (answer.isDone()) {
        each.remove();
        try {
          come.put(question.getKey(), answer.join());
        } catch (CompletionException e) {
          if (!(e.getCause() instanceof RetriableException why)) {
            throw e.getCause() instanceof KafkaException why ? why : new KafkaException(e);
          }
          failed(Set.of(question.getKey()), why);
        }
      }
    }
    if (failed.keySet().removeAll(come.keySet())) {
      failed.replaceAll((_, at) -> at - AGAIN.toNanos()); // others may be reachable again, too
    }
    noteProblem();
    return come;
  }

  /** What was to be done with these answers failed; the question is asked again. */
  void failed(Set<P> of, RetriableException why) {
    failure = String.valueOf(why.getMessage());
    long now = time.nanos();
    of.forEach(partition -> failed.put(partition, now));
    noteProblem();
  }

  private void noteProblem() {
    Set<P> all = new HashSet<>(failed.keySet());
    all.addAll(open.keySet());
    List<String> unanswered = unanswered(all).stream().map(String::valueOf).sorted().toList();
    problem =
        unanswered.isEmpty()
            ? null
            : "partitions %s can't be reached: %s".formatted(unanswered, failure);
  }

  /** Filters partitions for those whose last question failed, or has no answer for long. */
  Set<P> unanswered(Collection<P> of) {
    long now = time.nanos();
    Set<P> unanswered = new HashSet<>(of);
    unanswered.removeIf(
        each -> {
          Question<A> question = open.get(each);
          boolean isLate = question != null && now - question.asked >= TOLERATED.toNanos();
          return !failed.containsKey(each) && !isLate;
        });
    return unanswered;
  }

  /** Names the partitions that can't be reached, and why; null while all can. Any thread. */
  @Nullable String problem() {
    return problem;
  }

  /** Why the last question was not answered. */
  String failure() {
    return failure;
  }
}
