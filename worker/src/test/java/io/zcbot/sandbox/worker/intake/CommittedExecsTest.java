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
import org.junit.jupiter.api.Test;

class CommittedExecsTest {
  private final ManualTime time = new ManualTime(0);
  private final List<Long> told = new ArrayList<>();
  private final CommittedExecs committed =
      new CommittedExecs((_, offset) -> told.add(offset), time);

  @Test
  void aCommitIsToldOfOnceItIsOldEnough() {
    committed.note(1, 10);
    time.pass(CommittedExecs.PROVEN.minusSeconds(1));
    committed.note(1, 20);
    assertThat(told).isEmpty();
    time.pass(Duration.ofSeconds(1));
    committed.note(1, 20);
    assertThat(told).containsOnly(10L);
    time.pass(CommittedExecs.PROVEN);
    committed.note(1, 30);
    assertThat(told.getLast()).isEqualTo(20);
  }

  /** There are other execs at its offsets, and these are not committed yet. */
  @Test
  void aTailThatTheLogLostIsNotToldOfAnyMore() {
    committed.note(1, 20);
    time.pass(CommittedExecs.PROVEN);
    committed.note(1, 20);
    assertThat(told).containsExactly(20L);
    committed.note(1, 10);
    time.pass(CommittedExecs.PROVEN.minusSeconds(1));
    committed.note(1, 15);
    assertThat(told).containsExactly(20L);
    time.pass(Duration.ofSeconds(1));
    committed.note(1, 15);
    assertThat(told).containsExactly(20L, 10L);
  }

  @Test
  void whatIsForgottenIsNotToldOf() {
    committed.note(1, 10);
    committed.forget(1);
    time.pass(CommittedExecs.PROVEN);
    committed.note(1, 10);
    assertThat(told).isEmpty();
  }
}
