/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.testkit.ManualTime;
import io.zcbot.sandbox.worker.testkit.World;
import java.time.Duration;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class NewUsersTest {
  /** A clock whose value wraps during the test, as the real one may. */
  private final ManualTime time = new ManualTime(Long.MAX_VALUE - 5_000_000_000L);

  private final NewUsers users = new NewUsers(60, Duration.ofMinutes(5), time);
  private int next;

  private long admitted(int of) {
    return IntStream.range(0, of).filter(_ -> users.admit(World.user(++next))).count();
  }

  @Test
  void aMinutesWorthAtOnceThenTheRate() {
    assertThat(admitted(1000)).isEqualTo(60);
    time.pass(Duration.ofSeconds(10));
    assertThat(admitted(1000)).isEqualTo(10);
    time.pass(Duration.ofHours(3));
    assertThat(admitted(1000)).isEqualTo(60);
  }

  @Test
  void noInterleavingLetsMoreThrough() {
    long let = 0;
    for (int i = 0; i < 600; i++) {
      time.pass(Duration.ofMillis(100));
      let += admitted(7);
    }
    assertThat(let).isBetween(118L, 120L);
  }

  @Test
  void whoWasServedWithinTheTtlIsNotNew() {
    users.served(World.user(-1));
    users.admit(World.user(-2));
    admitted(1000);
    time.pass(Duration.ofMinutes(4));
    admitted(1000);
    assertThat(users.admit(World.user(-1))).isTrue();
    assertThat(users.admit(World.user(-2))).isTrue();
    time.pass(Duration.ofMinutes(4));
    admitted(1000);
    assertThat(users.admit(World.user(-1))).as("used since").isTrue();
    time.pass(Duration.ofMinutes(6));
    admitted(1000);
    assertThat(users.admit(World.user(-1))).as("unseen for longer than the TTL").isFalse();
  }

  @Test
  void theMemoryIsBounded() {
    for (int i = 0; i < 100_010; i++) {
      users.served(World.user(1_000_000 + i));
    }
    admitted(1000);
    assertThat(users.admit(World.user(1_000_000))).as("forgotten").isFalse();
    assertThat(users.admit(World.user(1_100_009))).as("remembered").isTrue();
  }
}
