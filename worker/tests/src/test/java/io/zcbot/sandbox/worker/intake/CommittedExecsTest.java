/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.testkit.ManualTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;

class CommittedExecsTest {
  private static final TopicPartition EXECS = new TopicPartition("sandbox.exec", 1);

  private final ManualTime time = new ManualTime(0);
  private final List<Long> reported = new ArrayList<>();
  private final CommittedExecs committed =
      new CommittedExecs("sandbox.exec", (_, offset) -> reported.add(offset), time);

  private static Map<TopicPartition, OffsetAndMetadata> at(TopicPartition partition, long offset) {
    return Map.of(partition, new OffsetAndMetadata(offset));
  }

  private void note(long offset) {
    committed.note(at(EXECS, offset));
  }

  /** The group acknowledges a commit that is sent now. */
  private void acknowledged(long offset) {
    committed.acknowledged(time.nanos(), at(EXECS, offset));
    note(offset);
  }

  @Test
  void aCommitIsReportedOnceItIsOldEnoughAndMadeAgain() {
    note(10);
    time.pass(CommittedExecs.PROVEN.minusSeconds(1));
    acknowledged(20);
    assertThat(committed.due()).isEmpty();
    assertThat(reported).isEmpty();
    time.pass(Duration.ofSeconds(1));
    assertThat(committed.due()).containsExactly(EXECS);
    note(20);
    assertThat(reported).isEmpty();
    acknowledged(20);
    assertThat(committed.due()).isEmpty();
    assertThat(reported).containsOnly(10L);
    time.pass(CommittedExecs.PROVEN);
    acknowledged(30);
    assertThat(reported.getLast()).isEqualTo(20);
  }

  /** Whoever learns of a partition anew must hear of it, though nothing is committed any more. */
  @Test
  void whatIsProvenIsReportedAgainAndNotCommittedAgain() {
    note(10);
    time.pass(CommittedExecs.PROVEN);
    acknowledged(10);
    reported.clear();
    time.pass(CommittedExecs.PROVEN);
    note(10);
    assertThat(reported).containsExactly(10L);
    assertThat(committed.due()).isEmpty();
  }

  /** The late commit may come between such a commit and its answer. */
  @Test
  void whatWasSentBeforeTheMinuteWasOverProvesNothing() {
    note(10);
    time.pass(CommittedExecs.PROVEN.minusSeconds(1));
    long asked = time.nanos();
    time.pass(Duration.ofSeconds(2));
    committed.acknowledged(asked, at(EXECS, 10));
    note(10);
    assertThat(reported).isEmpty();
    assertThat(committed.due()).containsExactly(EXECS);
  }

  @Test
  void otherTopicsAreIgnored() {
    Map<TopicPartition, OffsetAndMetadata> release =
        at(new TopicPartition("sandbox.release", 1), 10);
    committed.note(release);
    time.pass(CommittedExecs.PROVEN);
    committed.acknowledged(time.nanos(), release);
    committed.note(release);
    assertThat(committed.due()).isEmpty();
    assertThat(reported).isEmpty();
  }

  /** There are other execs at its offsets, and these are not committed yet. */
  @Test
  void aTailThatTheLogLostIsNotReportedAnyMore() {
    note(20);
    time.pass(CommittedExecs.PROVEN);
    acknowledged(20);
    assertThat(reported).containsExactly(20L);
    note(10);
    time.pass(CommittedExecs.PROVEN.minusSeconds(1));
    acknowledged(15);
    assertThat(reported).containsExactly(20L);
    time.pass(Duration.ofSeconds(1));
    acknowledged(15);
    assertThat(reported).containsExactly(20L, 10L);
  }

  @Test
  void whatIsForgottenIsNotReported() {
    note(10);
    committed.forget(1);
    time.pass(CommittedExecs.PROVEN);
    acknowledged(10);
    assertThat(reported).isEmpty();
  }
}
