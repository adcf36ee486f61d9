/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.hosts;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Workers in processes of their own, on engines of their own, against a cluster of three brokers:
 * faults and moves end with a log that tells the truth. The long form is bin/soak.
 *
 * <p>Trials wait for most of their time, so some run side by side.
 */
@Tag("engine")
@Tag("network-namespaces")
@Timeout(value = 5, unit = TimeUnit.MINUTES)
@Isolated("its engines, brokers and workers take all processors")
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class ManyHostsIT {
  private static final long SEED = Long.getLong("zcbot.hosts.seed", System.nanoTime() & 0xffffff);

  /** Each of them takes about as much as two classes. */
  private static final int SIDE_BY_SIDE = Math.max(1, Integer.getInteger("it.parallelism", 4) / 2);

  /** It stops the brokers, so it is the last, after all others have ended. */
  private static final String ALONE = "brokers-away";

  /** The longest first. */
  private static final String[] TOGETHER = {
    "kill-for-good", "rolling-restart-adopt", "kill-and-restart", "frozen-worker", "duplicate-id",
  };

  private static final Map<String, Future<Trial>> TRIALS = new ConcurrentHashMap<>();
  private static final ExecutorService LANES = Executors.newFixedThreadPool(SIDE_BY_SIDE);

  @BeforeAll
  static void begin() throws Exception {
    Field field = Field.shared();
    for (String scenario : TOGETHER) {
      TRIALS.put(scenario, LANES.submit(() -> run(field, scenario)));
    }
  }

  @AfterAll
  static void leaveNothing() throws Exception {
    LANES.shutdownNow();
    var _ = LANES.awaitTermination(1, TimeUnit.MINUTES);
    Field.closeShared();
  }

  /** Another one for each, or they had the same users, whose sandboxes have the same names. */
  private static long seed(String scenario) {
    return SEED + List.of(TOGETHER).indexOf(scenario);
  }

  private static Trial run(Field field, String scenario) throws Exception {
    return Scenarios.run(
        field, scenario, seed(scenario), line -> System.out.printf("%-22s%s%n", scenario, line));
  }

  /** The trials have begun, so other tests of brokers come after this one. */
  @ParameterizedTest
  @Order(1)
  @ValueSource(
      strings = {
        "rolling-restart-adopt",
        "kill-and-restart",
        "kill-for-good",
        "frozen-worker",
        "duplicate-id",
        ALONE,
      })
  void endsWithoutViolation(String scenario) throws Exception {
    Trial trial =
        scenario.equals(ALONE) ? run(Field.shared(), scenario) : TRIALS.get(scenario).get();
    assertThat(trial.violations())
        .as("repeat with bin/soak --scenario %s --seed %d", scenario, seed(scenario))
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
