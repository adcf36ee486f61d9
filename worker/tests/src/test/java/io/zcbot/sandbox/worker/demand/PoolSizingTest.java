/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.demand;

import static io.zcbot.sandbox.worker.demand.Traffic.HOUR;
import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.testkit.InFullRuns;
import java.time.Duration;
import java.util.Locale;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class PoolSizingTest {
  private static final long MAKE = 300;
  private static final long DAY = 24 * HOUR;

  private final PoolSizing sizing = new PoolSizing(2, 100);
  private final Arrivals arrivals = new Arrivals();

  private void atOnce(int users, long at) {
    LongStream.range(0, users).forEach(i -> arrivals.add(at + i));
  }

  private int wanted(long now) {
    return sizing.wanted(arrivals, now, MAKE);
  }

  @Test
  void nobodyNeedsMoreThanTheLeast() {
    assertThat(wanted(DAY)).isEqualTo(2);
    atOnce(1, DAY);
    assertThat(wanted(DAY + 1000)).isEqualTo(2);
  }

  @Test
  void aBurstIsRememberedForSixHoursAndAtItsTimeOfTheNextDay() {
    atOnce(20, DAY);

    assertThat(wanted(DAY + 100)).as("a quarter more than came").isEqualTo(25);
    assertThat(wanted(DAY + 6 * HOUR)).isEqualTo(25);
    assertThat(wanted(DAY + 6 * HOUR + 1000)).isEqualTo(2);
    assertThat(wanted(2 * DAY - HOUR)).isEqualTo(2);
    assertThat(wanted(2 * DAY - HOUR / 4)).as("before it comes again").isEqualTo(25);
    assertThat(wanted(2 * DAY + 2 * HOUR)).isEqualTo(2);
  }

  @Test
  void oneInTwoHundredMayFindNone() {
    LongStream.range(0, 2000).forEach(i -> arrivals.add(DAY + 10_000 * i / 20));
    long end = DAY + 1_000_000;
    int before = wanted(end);
    arrivals.add(end - 3);
    arrivals.add(end - 2);
    arrivals.add(end - 1);
    assertThat(wanted(end)).as("three of two thousand at once").isEqualTo(before);
  }

  @Test
  void theMostIsKept() {
    atOnce(500, DAY);
    assertThat(wanted(DAY + 1000)).isEqualTo(100);
    assertThat(new PoolSizing(4, 4).wanted(arrivals, DAY + 1000, MAKE)).isEqualTo(4);
  }

  @Test
  void theSlowerSlotsAreMadeTheMoreAreNeeded() {
    LongStream.of(Traffic.poisson(new Random(1), 1, 0, HOUR)).forEach(arrivals::add);
    int quick = sizing.wanted(arrivals, HOUR, 100);
    int slow = sizing.wanted(arrivals, HOUR, 900);
    assertThat(slow).isGreaterThan(quick + 4);
  }

  @Test
  void arrivalsTakeBoundedMemoryAndComeInAnyOrder() {
    arrivals.addAll(new long[] {30, 10, 20});
    arrivals.add(25);
    assertThat(arrivals.between(10, 30)).containsExactly(10, 20, 25);
    arrivals.addAll(LongStream.range(100, 100 + 2 * Arrivals.MOST).toArray());
    assertThat(arrivals.between(0, Long.MAX_VALUE))
        .hasSize(Arrivals.MOST)
        .startsWith(100 + Arrivals.MOST);
    arrivals.add(10_000_000);
    assertThat(arrivals.between(0, Long.MAX_VALUE))
        .hasSizeLessThanOrEqualTo(Arrivals.MOST)
        .endsWith(10_000_000);
    arrivals.add(10_000_000 + Arrivals.MEMORY.toMillis());
    assertThat(arrivals.between(0, Long.MAX_VALUE)).hasSizeGreaterThan(1000);
  }

  @Test
  void makeTimesAreThoseOfTheSlowerOnes() {
    MakeTimes times = new MakeTimes();
    times.add(200);
    LongStream.range(0, 56).forEach(_ -> times.add(300));
    LongStream.range(0, 8).forEach(_ -> times.add(2000));
    assertThat(times.millis()).isEqualTo(2000);
    times.add(300);
    times.add(300);
    assertThat(times.millis()).as("seven of the last 64 were slower").isEqualTo(2000);
    LongStream.range(0, 64).forEach(_ -> times.add(250));
    assertThat(times.millis()).isEqualTo(250);
  }

  /** Else the first slot's could fill a pool that follows demand to its bound. */
  @Test
  void aPullOfTheImageIsNoUsualMakeTime() {
    MakeTimes times = new MakeTimes();
    assertThat(times.millis()).isEqualTo(500);
    times.add(60_000);
    assertThat(times.millis()).isEqualTo(500);
    for (int i = 0; i < 20; i++) {
      times.add(300);
      assertThat(times.millis()).isEqualTo(300);
    }
  }

  private static int[] seeds() {
    return InFullRuns.THIS_ONE ? new int[] {1, 2, 3} : new int[] {1};
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.005, 0.3, 1})
  void independentUsersFindSlots(double perSecond) {
    for (int seed : seeds()) {
      long[] users = Traffic.poisson(new Random(seed), perSecond, 0, 3 * HOUR);
      check("independent, " + perSecond + "/s, seed " + seed, users, HOUR, 3 * HOUR, 2);
    }
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void usersWhoComeByDayFindSlots(int seed) {
    long[] users =
        Traffic.daily(
            new Random(seed),
            0.5,
            at -> 0.02 + 0.98 * Math.pow(Math.sin(Math.PI * at / DAY), 4),
            0,
            2 * DAY);
    check("daily, seed " + seed, users, DAY, 2 * DAY, 1);
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void groupsFindSlots(int seed) {
    Random random = new Random(seed);
    long[] users =
        Traffic.together(
            Traffic.groups(random, 30, Duration.ofSeconds(2), Duration.ofMinutes(30), 0, 2 * DAY),
            Traffic.poisson(random, 0.02, 0, 2 * DAY));
    check("groups of about 30, seed " + seed, users, DAY, 2 * DAY, 1.5);
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void aClassThatComesEveryMorningFindsSlots(int seed) {
    Random random = new Random(seed);
    long[] users = Traffic.poisson(random, 0.01, 0, 4 * DAY);
    for (int day = 0; day < 4; day++) {
      long nine = day * DAY + 9 * HOUR + random.nextInt(300_000);
      users = Traffic.together(users, Traffic.group(random, 60, Duration.ofSeconds(5), nine));
    }
    check("a class at nine, seed " + seed, users, DAY, 4 * DAY, 1);
  }

  /** As documentation says: what never came before finds too few slots, once. */
  @Test
  void theFirstLargeGroupFindsTooFew() {
    Random random = new Random(1);
    long[] users =
        Traffic.together(
            Traffic.poisson(random, 0.01, 0, 12 * HOUR),
            Traffic.group(random, 60, Duration.ofSeconds(2), 8 * HOUR),
            Traffic.group(random, 40, Duration.ofSeconds(2), 9 * HOUR));
    Traffic.Result first = Traffic.run(users, 2, sizing, MAKE, 8 * HOUR, 8 * HOUR + HOUR / 2);
    Traffic.Result second = Traffic.run(users, 2, sizing, MAKE, 9 * HOUR, 12 * HOUR);
    assertThat(first.share()).isLessThan(0.5);
    assertThat(second.share()).isEqualTo(1);
  }

  /**
   * Checks that at least 99 % are claimed, with hardly more idle slots than a fixed pool that knows
   * the future.
   */
  private void check(String what, long[] users, long from, long to, double times) {
    Traffic.Result ours = Traffic.run(users, 2, sizing, MAKE, from, to);
    Traffic.Result best = Traffic.smallestFixed(users, MAKE, from, to);
    Traffic.Result two = Traffic.run(users, 2, null, MAKE, from, to);
    String said =
        String.format(
            Locale.ROOT,
            "%s: %d users, claimed %.2f %% with %.1f idle (up to %d); the best fixed pool: %.2f %%"
                + " with %.1f of %d idle; two slots: %.1f %%",
            what,
            ours.users(),
            100 * ours.share(),
            ours.meanIdle(),
            ours.largest(),
            100 * best.share(),
            best.meanIdle(),
            best.largest(),
            100 * two.share());
    System.out.println(said);
    assertThat(ours.share()).as(said).isGreaterThanOrEqualTo(0.99);
    assertThat(ours.meanIdle()).as(said).isLessThanOrEqualTo(times * best.meanIdle() + 2);
  }
}
