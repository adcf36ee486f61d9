/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.hosts;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.testkit.InFullRuns;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Workers in processes of their own, on engines of their own, against a cluster of three brokers:
 * faults and moves end with a log that tells the truth. The long form is bin/soak.
 *
 * <p>It takes longer than any other class and waits for more than half of its time, so it begins
 * first and the others run beside it.
 */
@Tag("engine")
@Tag("network-namespaces")
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@Order(0)
class ManyHostsIT {
  private static final long SEED = Long.getLong("zcbot.hosts.seed", System.nanoTime() & 0xffffff);

  @AfterAll
  static void leaveNothing() throws Exception {
    Field.closeShared();
  }

  /**
   * The scenario of every run moves users after a fault. Those in which workers are replaced as
   * planned, die, share an id or lose the brokers are repeated by {@code bin/test --all}, and one
   * at a time by {@code UpgradeIT}, {@code CommandKillsIT}, {@code TwoWorkersIT} and {@code
   * KafkaOutageIT}.
   */
  private static Stream<String> scenarios() {
    Stream<String> always = Stream.of("frozen-worker");
    return InFullRuns.THIS_ONE
        ? Stream.concat(
            always,
            Stream.of(
                "rolling-restart-adopt",
                "kill-and-restart",
                "kill-for-good",
                "duplicate-id",
                "brokers-away"))
        : always;
  }

  /** Other tests of the brokers come after these. */
  @ParameterizedTest
  @Order(1)
  @MethodSource("scenarios")
  void endsWithoutViolation(String scenario) throws Exception {
    Trial trial =
        Scenarios.run(
            Field.shared(), scenario, SEED, line -> System.out.printf("%-22s%s%n", scenario, line));
    assertThat(trial.violations())
        .as("repeat with bin/soak --scenario %s --seed %d", scenario, SEED)
        .isEmpty();
  }

  @Test
  void pollsAreBoundedWhateverTheNumberOfBrokersAndRecords() throws Exception {
    PollBounds bounds = new PollBounds(Field.shared().brokers());
    bounds.aPollIsBoundedInWhatItsRecordsHoldOnceDecompressed();
    bounds.withoutTheBoundAPollHoldsWhatAllPartitionsHold();
    bounds.brokersShareWhatWaitsInAConsumer();
    bounds.aBrokerIsNotAskedAgainWhileItsAnswerWaits();
  }
}
