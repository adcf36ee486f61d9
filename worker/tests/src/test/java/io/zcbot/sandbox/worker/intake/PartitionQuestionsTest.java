/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.testkit.ManualTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.common.errors.TimeoutException;
import org.junit.jupiter.api.Test;

/** Which partitions are queried when, and for how long that may block a thread. */
class PartitionQuestionsTest {
  private static final Duration ROUND = Duration.ofMillis(100);

  private final ManualTime time = new ManualTime(1);
  private final PartitionQuestions<Integer> questions = new PartitionQuestions<>(time);
  private final Set<Integer> away = new HashSet<>();
  private final Set<Integer> wanted = new HashSet<>();
  private final List<Set<Integer>> asked = new ArrayList<>();
  private Duration waited = Duration.ZERO;

  private void round() {
    questions.ask(
        wanted,
        (some, limit) -> {
          asked.add(Set.copyOf(some));
          if (some.stream().anyMatch(away::contains)) {
            time.pass(limit);
            waited = waited.plus(limit);
            throw new TimeoutException("away");
          }
          wanted.removeAll(some); // they are followed from now on
        });
    time.pass(ROUND);
  }

  private static Set<Integer> numbers(int count) {
    return IntStream.range(0, count).boxed().collect(Collectors.toSet());
  }

  @Test
  void thoseThatAnswerAreAskedAboutTogether() {
    wanted.addAll(numbers(64));
    round();
    round();
    assertThat(asked).containsExactly(numbers(64));
    assertThat(wanted).isEmpty();
  }

  @Test
  void oneThatIsAwayHoldsUpTheOthersForSecondsOnly() {
    away.add(7);
    wanted.addAll(numbers(64));
    for (int i = 0; i < 65; i++) {
      round();
    }
    assertThat(wanted).containsExactly(7);
    assertThat(questions.problem()).isEqualTo("partitions [7] can't be reached: away");
    assertThat(waited).isLessThanOrEqualTo(Duration.ofSeconds(6));
  }

  @Test
  void manyThatAreAwayLeaveTheThreadMostOfItsTime() {
    away.addAll(numbers(64));
    wanted.addAll(numbers(64));
    for (int i = 0; i < 65; i++) {
      waited = Duration.ZERO;
      round();
      assertThat(waited).isLessThanOrEqualTo(Duration.ofSeconds(5));
    }
    assertThat(questions.problem()).contains("63");
    waited = Duration.ZERO;
    long begin = time.nanos();
    for (int i = 0; i < 1000; i++) {
      round();
    }
    assertThat(waited.multipliedBy(5)).isLessThan(Duration.ofNanos(time.nanos() - begin));
  }

  @Test
  void oneThatIsNewDoesNotWaitForThoseThatAreAway() {
    away.add(1);
    wanted.add(1);
    round();
    wanted.add(2);
    round();
    assertThat(asked).containsExactly(Set.of(1), Set.of(2));
  }

  @Test
  void allAreAskedAboutSoonOnceOneIsBack() {
    away.addAll(numbers(64));
    wanted.addAll(numbers(64));
    for (int i = 0; i < 65; i++) {
      round();
    }
    away.clear();
    long begin = time.nanos();
    while (!wanted.isEmpty()) {
      round();
    }
    assertThat(Duration.ofNanos(time.nanos() - begin)).isLessThan(Duration.ofSeconds(13));
    assertThat(questions.problem()).isNull();
  }

  @Test
  void onesThatAreWantedNoMoreAreForgotten() {
    away.add(1);
    wanted.add(1);
    round();
    wanted.clear();
    round();
    assertThat(questions.problem()).isNull();
  }
}
