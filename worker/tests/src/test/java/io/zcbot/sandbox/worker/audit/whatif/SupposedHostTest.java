/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.whatif;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.whatif.SupposedHost.Answer;
import io.zcbot.sandbox.worker.testkit.World;
import java.time.Duration;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SupposedHostTest {
  private static final int MAX = 10;
  private static final long MAKE = 300;
  private static final long PAUSE = Duration.ofMinutes(10).toMillis();

  private final SupposedHost host =
      new SupposedHost(
          new Supposed("auto", 2, 64, null, Duration.ofHours(3), MAX, Duration.ofHours(3)),
          MAKE,
          0);
  private long now;

  private void pause() {
    now += PAUSE;
    host.advance(now, MAKE);
  }

  private Answer make(UserId user) {
    return host.make(user, Duration.ofHours(3).toMillis(), now);
  }

  @Test
  void thePoolDoesNotGrowForUsersWhoAreRefused() {
    for (int i = 0; i < MAX; i++) {
      pause();
      assertThat(make(World.user(i))).isEqualTo(Answer.CLAIMED);
    }
    for (int i = 0; i < 1000; i++) {
      assertThat(make(World.user(MAX + i))).isEqualTo(Answer.REFUSED);
    }
    for (int i = 0; i < MAX; i++) {
      host.remove(World.user(i), now);
    }
    pause();

    assertThat(IntStream.range(0, MAX).mapToObj(i -> make(World.user(i))))
        .filteredOn(Answer.CLAIMED::equals)
        .hasSize(2);
  }
}
