/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.testkit.InFullRuns;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiFunction;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random histories of workers that share a group keep the invariants, and a worker without one of
 * its precautions does not. {@code -Dsimulation.seed=N} runs one history, {@code
 * -Dsimulation.seconds=N} runs more of them, beginning with {@code -Dsimulation.from=N}.
 */
@Order(1)
class SimulationTest {
  /** Numbers, so that it does not depend on the machine what is tested. */
  private static final int NUMBER = InFullRuns.THIS_ONE ? 1_000 : 60;

  /** Histories for each topic of which a partition has no leader. */
  private static final int LEADERLESS = InFullRuns.THIS_ONE ? 8 : 2;

  /**
   * The maximum for one mutation. A change in the order of the worker's steps invalidates its seed,
   * but other seeds show it.
   */
  private static final int MOST_HISTORIES = 2_000;

  /**
   * The limit for all mutations. It is far longer than they take, since a busy machine must not
   * fail the test.
   */
  private static final Duration PATIENCE = Duration.ofMinutes(5);

  private static final int MOST_DISTURBANCES = 20;

  /** For all tests, since loading the worker once more takes as long as ten histories. */
  private static final Loaded HISTORIES = new Loaded();

  @TempDir Path root;

  private record Outcome(String violation, long steps, long trace) {
    String check() {
      String text = violation.substring(violation.indexOf(": ") + 2);
      return text.substring(0, Math.min(50, text.length())).lines().findFirst().orElseThrow();
    }
  }

  /**
   * Histories in a class loader of their own. A history that was disturbed may have ended the
   * initialization of a class, which fails for ever then, so the next one gets a new class loader.
   */
  private static final class Loaded {
    private BiFunction<String, Object[], Object[]> histories = load();

    /** Runs a history; null if it was disturbed. */
    Object[] run(Mutation mutation, Object... seedAndRoot) {
      Object[] outcome = histories.apply(mutation.name(), seedAndRoot);
      if (outcome == null) {
        histories = load();
      }
      return outcome;
    }

    @SuppressWarnings("unchecked")
    private static BiFunction<String, Object[], Object[]> load() {
      try {
        return (BiFunction<String, Object[], Object[]>)
            new SimulatedClasses(SimulationTest.class.getClassLoader())
                .loadClass("io.zcbot.sandbox.worker.simulation.Histories")
                .getDeclaredConstructor()
                .newInstance();
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  private Outcome run(Mutation mutation, long seed) {
    return run(HISTORIES, mutation, seed);
  }

  private Outcome run(Loaded histories, Mutation mutation, long seed) {
    Object[] outcome = null;
    for (int tried = 0; outcome == null; tried++) {
      assertThat(tried).as("times that seed %d was disturbed", seed).isLessThan(MOST_DISTURBANCES);
      outcome = histories.run(mutation, seed, root);
    }
    return new Outcome((String) outcome[0], (Long) outcome[1], (Long) outcome[2]);
  }

  @Test
  void historiesKeepTheInvariants() {
    Long one = Long.getLong("simulation.seed");
    long seed = one == null ? Long.getLong("simulation.from", 1) : one;
    Mutation mutation = Mutation.valueOf(System.getProperty("simulation.mutation", "NONE"));
    long begin = System.nanoTime();
    int count = 0;
    long steps = 0;
    Map<String, String> violations = new TreeMap<>();
    Map<String, Integer> numbers = new TreeMap<>();
    do {
      Outcome outcome = run(mutation, seed + count);
      count++;
      steps += outcome.steps;
      if (outcome.violation != null) {
        violations.putIfAbsent(outcome.check(), outcome.violation);
        numbers.merge(outcome.check(), 1, Integer::sum);
      }
    } while (one == null && !isEnough(count, System.nanoTime() - begin));
    double seconds = (System.nanoTime() - begin) / 1e9;
    System.out.printf(
        "%d histories of %d steps, %.0f a minute%n", count, steps / count, count / seconds * 60);
    System.out.println(numbers);
    assertThat(violations.values()).isEmpty();
  }

  private static boolean isEnough(int count, long nanos) {
    Integer seconds = Integer.getInteger("simulation.seconds");
    return seconds == null ? count >= NUMBER : nanos >= Duration.ofSeconds(seconds).toNanos();
  }

  /** Also in classes that ran other histories before. */
  @Test
  void aSeedRepeatsItsHistory() {
    Loaded anew = new Loaded();
    for (long seed = 1; seed <= 2; seed++) {
      Outcome first = run(anew, Mutation.NONE, seed);
      assertThat(run(anew, Mutation.NONE, seed)).isEqualTo(first);
      assertThat(run(Mutation.NONE, seed)).isEqualTo(first);
    }
  }

  /** Whoever has sandboxes, commands and inputs elsewhere is not to notice. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "ENSURE",
        "ACTIVITY",
        "EXEC",
        "INPUT",
        "RELEASE",
        "LIVE",
        "READY",
        "REAPED",
        "CURRENT",
        "COMMANDS"
      })
  void aPartitionWithoutALeaderHoldsUpItsOwnUsersOnly(String topic) {
    for (long seed = 1; seed <= LEADERLESS; seed++) {
      Object[] outcome = null;
      for (int tried = 0; outcome == null && tried < MOST_DISTURBANCES; tried++) {
        outcome = HISTORIES.run(Mutation.NONE, seed, root, topic);
      }
      assertThat(outcome).isNotNull();
      assertThat((String) outcome[0]).isNull();
    }
  }

  /** Those that were seen to notice come first, so that this takes one history of most. */
  @Test
  void noPrecautionCanBeLeftOut() {
    long begin = System.nanoTime();
    List<Mutation> unnoticed = new ArrayList<>();
    System.out.println("left out                     histories  found");
    for (Mutation mutation : Mutation.values()) {
      if (mutation == Mutation.NONE) {
        continue;
      }
      Outcome outcome;
      int tried = 0;
      do {
        outcome = run(mutation, mutation.seed + tried++);
      } while (outcome.violation == null
          && tried < MOST_HISTORIES
          && System.nanoTime() - begin < PATIENCE.toNanos());
      String found = outcome.violation == null ? "nothing" : outcome.check();
      System.out.printf("%-28s %9d  %s%n", mutation, tried, found);
      if (outcome.violation != null && tried > 10) {
        System.out.printf(
            "write the seed %d into Mutation: this test then takes less time%n",
            mutation.seed + tried - 1);
      }
      if (outcome.violation == null) {
        unnoticed.add(mutation);
      }
    }
    assertThat(unnoticed).isEmpty();
  }
}
