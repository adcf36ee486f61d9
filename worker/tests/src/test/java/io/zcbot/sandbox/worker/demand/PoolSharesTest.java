/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.demand;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.demand.PoolShares.Need;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Shares of the pool's room. PoolSizingTest is about one profile, which has all of the room. */
class PoolSharesTest {
  private static final long MIB = 1 << 20;
  private static final long DAY = Duration.ofHours(24).toMillis();

  private static Need byDemand(int least, int wanted) {
    return new Need(least, wanted, false, 8 * MIB);
  }

  private static int[] shares(int slots, Need... needs) {
    return new PoolShares(slots, Long.MAX_VALUE).of(List.of(needs));
  }

  @Test
  void whatFitsIsGiven() {
    assertThat(shares(20, byDemand(2, 5), byDemand(1, 1), byDemand(2, 9))).containsExactly(5, 1, 9);
  }

  @Test
  void aFixedNumberIsNotReducedAndTakesRoomOfOthers() {
    assertThat(shares(10, new Need(8, 8, true, MIB), byDemand(1, 6))).containsExactly(8, 2);
    assertThat(shares(4, new Need(8, 8, true, MIB), byDemand(1, 6))).containsExactly(8, 0);
  }

  @Test
  void withTooLittleRoomEachGetsTheSamePartOfItsNeed() {
    assertThat(shares(15, byDemand(1, 10), byDemand(1, 20))).containsExactly(5, 10);
  }

  @Test
  void minimumsComeBeforeNeeds() {
    assertThat(shares(6, byDemand(3, 3), byDemand(2, 100))).containsExactly(3, 3);
  }

  @Test
  void memoryBoundsSlotsByWhatEachTakes() {
    Need heavy = new Need(1, 100, false, 32 * MIB);
    assertThat(new PoolShares(256, 80 * MIB).of(List.of(byDemand(1, 100), heavy)))
        .containsExactly(2, 2);
    assertThat(new PoolShares(256, 79 * MIB).of(List.of(byDemand(1, 100), heavy)))
        .as("what is too little for one of the large slots is for the small ones")
        .containsExactly(5, 1);
  }

  /**
   * Twenty profiles, of which the first has half of all users and the last few, share a pool that
   * is smaller than what they need in the rush hour. Users of each must find slots about as often.
   */
  @Test
  void twentyProfilesShareThePoolSensibly() {
    Random random = new Random(20);
    int profiles = 20;
    int room = 60;
    long makeMillis = 2_000;
    List<Arrivals> arrivals = new ArrayList<>();
    List<List<Long>> users = new ArrayList<>();
    for (int i = 0; i < profiles; i++) {
      arrivals.add(new Arrivals());
      users.add(new ArrayList<>());
      int bursts = 400 / (i + 1);
      for (int burst = 0; burst < bursts; burst++) {
        long at = (long) (random.nextDouble() * DAY);
        int size = 1 + random.nextInt(Math.max(1, 24 / (i + 1)));
        for (int user = 0; user < size; user++) {
          users.get(i).add(at + random.nextInt(1_000));
        }
      }
      users.get(i).sort(null);
      users.get(i).forEach(arrivals.get(i)::add);
    }
    List<Need> needs = new ArrayList<>();
    for (int i = 0; i < profiles; i++) {
      needs.add(
          new Need(1, new PoolSizing(1, 256).wanted(arrivals.get(i), DAY, makeMillis), false, 1));
    }
    int all = needs.stream().mapToInt(Need::wanted).sum();
    assertThat(all).as("the test needs a pool that is too small").isGreaterThan(room);

    int[] shares = new PoolShares(room, Long.MAX_VALUE).of(needs);

    assertThat(Arrays.stream(shares).sum()).isEqualTo(room);
    double[] found = new double[profiles];
    for (int i = 0; i < profiles; i++) {
      found[i] = found(users.get(i), shares[i], makeMillis);
      assertThat(shares[i]).as("profile %s", i).isBetween(1, needs.get(i).wanted());
    }
    int[] equal = new int[profiles];
    Arrays.fill(equal, room / profiles);
    double byNeed = users(users, found);
    double byHead = 0;
    for (int i = 0; i < profiles; i++) {
      byHead += found(users.get(i), equal[i], makeMillis) * users.get(i).size();
    }
    byHead /= users.stream().mapToInt(List::size).sum();
    assertThat(byNeed).as("users who find a slot, against equal shares").isGreaterThan(byHead);
    assertThat(Arrays.stream(found).min().orElseThrow())
        .as("part of the users of the profile that fares worst: %s", Arrays.toString(found))
        .isGreaterThan(0.3);
  }

  private static double users(List<List<Long>> users, double[] found) {
    double sum = 0;
    int all = 0;
    for (int i = 0; i < found.length; i++) {
      sum += found[i] * users.get(i).size();
      all += users.get(i).size();
    }
    return sum / all;
  }

  private static double found(List<Long> users, int slots, long makeMillis) {
    PoolModel pool = new PoolModel(slots, makeMillis, users.getFirst());
    long found = users.stream().filter(pool::take).count();
    return (double) found / users.size();
  }
}
