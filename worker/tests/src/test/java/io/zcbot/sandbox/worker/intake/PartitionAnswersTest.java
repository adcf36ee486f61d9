/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.worker.testkit.ManualTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.junit.jupiter.api.Test;

/** Which partitions are asked about when, and what becomes of those without an answer. */
class PartitionAnswersTest {
  private final ManualTime time = new ManualTime(1);
  private final PartitionAnswers<Integer, String> answers = new PartitionAnswers<>(time);
  private final List<Set<Integer>> asked = new ArrayList<>();
  private final Map<Integer, CompletableFuture<String>> open = new HashMap<>();

  private boolean ask(Integer... wanted) {
    return answers.ask(
        Set.of(wanted),
        some -> {
          asked.add(Set.copyOf(some));
          some.forEach(each -> open.put(each, new CompletableFuture<>()));
          return some.stream().collect(Collectors.toMap(each -> each, open::get));
        });
  }

  @Test
  void eachAnswerIsTakenOnceAndWithoutTheOthers() {
    assertThat(ask(1, 2, 3)).isTrue();
    assertThat(answers.take()).isEmpty();
    open.get(2).complete("two");
    assertThat(answers.take()).isEqualTo(Map.of(2, "two"));
    open.get(1).complete("one");
    assertThat(answers.take()).isEqualTo(Map.of(1, "one"));
    assertThat(ask(3)).as("its answer is awaited").isFalse();
    assertThat(asked).containsExactly(Set.of(1, 2, 3));
  }

  @Test
  void anAnswerThatIsLateIsAProblemAndCountsWhenItComes() {
    var _ = ask(1, 2);
    open.get(2).complete("two");
    time.pass(Duration.ofSeconds(4));
    var _ = answers.take();
    assertThat(answers.problem()).isNull();
    time.pass(Duration.ofSeconds(1));
    var _ = answers.take();
    assertThat(answers.problem()).isEqualTo("partitions [1] can't be reached: no answer for 5 s");
    assertThat(answers.unanswered(Set.of(1, 2))).containsExactly(1);
    open.get(1).complete("one");
    assertThat(answers.take()).isEqualTo(Map.of(1, "one"));
    assertThat(answers.problem()).isNull();
  }

  @Test
  void aQuestionThatFailedIsAskedAgainAfterAPauseOrOnceAnotherIsAnswered() {
    var _ = ask(1, 2);
    open.values().forEach(each -> each.completeExceptionally(new TimeoutException("away")));
    assertThat(answers.take()).isEmpty();
    assertThat(answers.problem()).isEqualTo("partitions [1, 2] can't be reached: away");
    assertThat(ask(1, 2, 3)).isTrue();
    time.pass(Duration.ofSeconds(5));
    assertThat(ask(1, 2, 3)).isTrue();
    open.get(1).completeExceptionally(new TimeoutException("away"));
    assertThat(answers.take()).isEmpty();
    open.get(2).complete("two");
    assertThat(answers.take()).containsOnlyKeys(2);
    assertThat(ask(1, 3)).isTrue();
    assertThat(asked).containsExactly(Set.of(1, 2), Set.of(3), Set.of(1, 2), Set.of(1));
  }

  @Test
  void onesThatAreWantedNoMoreAreForgotten() {
    var _ = ask(1, 2);
    open.get(1).completeExceptionally(new TimeoutException("away"));
    open.get(2).complete("two");
    assertThat(answers.take()).containsOnlyKeys(2);
    var _ = ask(2);
    open.get(2).complete("two");
    assertThat(ask()).isFalse();
    assertThat(answers.take()).isEmpty();
    assertThat(answers.problem()).isNull();
  }

  /** The reader starts over and reports it, as for any other failure. */
  @Test
  void whatNoOtherBrokerWouldAnswerIsThrown() {
    var _ = ask(1);
    open.get(1).completeExceptionally(new TopicAuthorizationException("sandbox.exec"));
    assertThatThrownBy(answers::take).isInstanceOf(TopicAuthorizationException.class);
  }
}
