/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.testkit.ManualTime;
import java.time.Duration;
import java.util.Set;
import org.apache.kafka.common.errors.DisconnectException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

class ReadProblemTest {
  private final ManualTime time = new ManualTime(0);
  private final ReadProblem problem =
      new ReadProblem("ensures", LoggerFactory.getLogger(ReadProblemTest.class), time);

  private void denied() {
    problem.failed(new TopicAuthorizationException(Set.of("sandbox.ensure")));
  }

  @Test
  void aDenialNamesThePermission() {
    denied();
    assertThat(problem.text())
        .startsWith("reading ensures failed: no permission Read on topic sandbox.ensure; ");
  }

  @Test
  void anotherFailureIsOverAsSoonAsNothingFails() {
    problem.failed(new DisconnectException());
    assertThat(problem.text()).contains("DisconnectException");
    problem.works(false);
    assertThat(problem.text()).isNull();
  }

  /** The consumer is a member of the group all the while, and is denied in each fetch. */
  @Test
  void aDenialIsNotOverBecauseTheGroupIsJoinedAgain() {
    for (int round = 0; round < 10; round++) {
      denied();
      problem.works(false);
      time.pass(Duration.ofSeconds(30)); // a takeover takes its time
      problem.works(false);
      problem.works(true);
      time.pass(Duration.ofMillis(500));
      problem.works(true);
      assertThat(problem.text()).isNotNull();
    }
  }

  @Test
  void aDenialIsOverWhenFetchesAreNotDeniedForAWhile() {
    denied();
    problem.works(true);
    time.pass(ReadProblem.PROOF);
    problem.works(true);
    assertThat(problem.text()).isNull();
  }

  @Test
  void aDenialIsOverWhenARecordIsRead() {
    denied();
    problem.read();
    assertThat(problem.text()).isNull();
  }
}
