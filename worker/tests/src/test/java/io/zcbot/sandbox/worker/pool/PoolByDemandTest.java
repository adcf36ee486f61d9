/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.pool;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Network;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.demand.PoolModel;
import io.zcbot.sandbox.worker.demand.RefillPace;
import io.zcbot.sandbox.worker.demand.Traffic;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.ensure.EnsureRequest;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics.Claim;
import io.zcbot.sandbox.worker.testkit.EngineFaults;
import io.zcbot.sandbox.worker.testkit.World;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The pool itself, over a fake engine on which making a slot takes time, while users arrive. */
class PoolByDemandTest {
  private static final long MAKE = 300;

  @TempDir Path root;
  private World world;
  private WarmPool pool;
  private long[] users = {};
  private int next;
  private int all;
  private int claimed;

  private void begin(int least, int most) throws Exception {
    world = World.ofDemand(root.resolve(least + "-" + most), 1_000_000, least, most);
    pool = world.domain.slots();
    next = 0;
    claimed = 0;
    slotsTakeTime();
  }

  private void slotsTakeTime() {
    world.engine.faults.meanwhile(
        "createSlot",
        () -> {
          pass(MAKE);
          slotsTakeTime();
        });
  }

  private long now() {
    return Duration.ofNanos(world.now).toMillis();
  }

  /** Lets time pass, in which users arrive. */
  private void pass(long millis) {
    long to = now() + millis;
    for (; next < users.length && users[next] <= to; next++) {
      world.advance(Duration.ofMillis(Math.max(0, users[next] - now())));
      claimed += claim() ? 1 : 0;
    }
    world.advance(Duration.ofMillis(Math.max(0, to - now())));
  }

  private boolean claim() {
    try {
      boolean found =
          pool.claim(new UserId(new UUID(1, all++)), World.PROFILE, Network.WHOLE, root, 0) != null;
      pool.arrived(World.PROFILE, world.now, found);
      return found;
    } catch (EngineException e) {
      throw new IllegalStateException(e);
    }
  }

  private void runUntil(long millis) {
    while (now() < millis) {
      pass(RefillPace.LOOK.toMillis());
      pool.tick();
    }
  }

  @Test
  void theModelClaimsAsThePoolDoes() throws Exception {
    for (int size : new int[] {2, 4, 8}) {
      for (double rate : new double[] {0.5, 2}) {
        begin(size, size);
        runUntil(10_000);
        users = Traffic.poisson(new Random(size), rate, 10_000, 310_000);
        runUntil(310_000);

        PoolModel model = new PoolModel(size, MAKE, 0);
        int inModel = 0;
        for (long user : users) {
          inModel += model.take(user) ? 1 : 0;
        }
        assertThat((double) inModel / users.length)
            .as(
                "of %d users at %s/s, %d slots; the pool claimed %d",
                users.length, rate, size, claimed)
            .isBetween(
                (double) claimed / users.length - 0.03, (double) claimed / users.length + 0.01);
      }
    }
  }

  @Test
  void thePoolGrowsWithItsUsersAndShrinksSlowly() throws Exception {
    begin(2, 64);
    runUntil(10_000);
    assertThat(pool.target()).isEqualTo(2);
    assertThat(pool.idle()).isEqualTo(2);

    users = Collections.nCopies(20, 20_000L).stream().mapToLong(Long::longValue).toArray();
    runUntil(70_000);
    assertThat(claimed).as("nobody expected them").isEqualTo(2);
    assertThat(pool.target()).isEqualTo(25);
    assertThat(pool.idle()).isEqualTo(25);
    assertThat(pool.status()).isEqualTo("25 of 25, by demand: 2 to 64");

    users = Collections.nCopies(22, 100_000L).stream().mapToLong(Long::longValue).toArray();
    next = 0;
    claimed = 0;
    runUntil(130_000);
    assertThat(claimed).isEqualTo(22);

    world.advance(Duration.ofHours(7));
    pool.tick();
    assertThat(pool.target()).as("one a minute").isEqualTo(24);
    long begin = now();
    runUntil(begin + 5 * 60_000);
    assertThat(pool.target()).isBetween(18, 20);
    assertThat(pool.idle()).isEqualTo(pool.target());
    runUntil(begin + 40 * 60_000);
    assertThat(pool.target()).isEqualTo(2);
    assertThat(pool.idle()).isEqualTo(2);
    assertThat(world.domain.capacity().taken()).as("claimed ones and two idle ones").isEqualTo(26);
  }

  @Test
  void whoCameBeforeTheStartCounts() throws Exception {
    begin(2, 64);
    world.advance(Duration.ofHours(3));
    Instant then = world.time().now().minus(Duration.ofHours(2));
    pool.tick();
    assertThat(pool.target()).isEqualTo(2);

    pool.remember(World.PROFILE.name(), Collections.nCopies(12, then));
    runUntil(now() + 10_000);

    assertThat(pool.target()).isEqualTo(15);
    assertThat(pool.idle()).isEqualTo(15);
    pool.remember(World.PROFILE.name(), List.of(world.time().now().plusSeconds(3600)));
    runUntil(now() + 1000);
    assertThat(pool.target()).as("a clock that is ahead").isEqualTo(15);
  }

  @Test
  void aFixedNumberStaysWhoeverComes() throws Exception {
    begin(3, 3);
    runUntil(10_000);
    users = Collections.nCopies(20, 20_000L).stream().mapToLong(Long::longValue).toArray();
    runUntil(100_000);
    assertThat(pool.target()).isEqualTo(3);
    assertThat(pool.status()).isEqualTo("3 of 3");
  }

  @Test
  void whoIsRefusedAndAsksAgainIsNoCrowd() throws Exception {
    World full = World.ofDemand(root, 2, 1, 64);
    WarmPool slots = full.domain.slots();
    full.ready(World.user(1));
    full.ready(World.user(2));
    full.advance(Duration.ofMinutes(1));
    slots.tick();
    int target = slots.target();
    full.ready(World.user(1));
    full.ready(World.user(2));

    for (int i = 0; i < 1000; i++) {
      full.failed(World.user(3));
    }
    full.advance(Duration.ofMinutes(1));
    slots.tick();

    assertThat(slots.target()).isEqualTo(target);
    assertThat(full.metrics.claims(Claim.NONE_IDLE)).isEqualTo(2);
  }

  @Test
  void anEnsureThatIsTriedAgainIsOneUser() throws Exception {
    World one = World.ofDemand(root, 100, 1, 64);
    for (int i = 0; i < 4; i++) {
      one.engine.faults.failNext(
          new EngineFaults.Fault("create", EngineException.Kind.CONFLICT, false));
    }

    one.ready(World.user(1));
    one.advance(Duration.ofMinutes(1));
    one.domain.slots().tick();

    assertThat(one.domain.slots().target()).isEqualTo(1);
    assertThat(one.metrics.claims(Claim.NONE_IDLE)).isEqualTo(1);
  }

  /** They would have needed a slot each when they came, not when their creates were done. */
  @Test
  void usersWhoseSandboxesTakeTimeCameWhenTheyAsked() throws Exception {
    World four = World.ofDemand(root, 100, 1, 64);
    List<EnsureRequest> requests =
        IntStream.range(0, 4).mapToObj(i -> four.request(World.user(i))).toList();

    for (EnsureRequest request : requests) {
      four.advance(Duration.ofSeconds(10));
      four.domain.ensurer().ensure(request);
    }
    four.advance(Duration.ofMinutes(1));
    four.domain.slots().tick();

    assertThat(four.domain.slots().target()).isEqualTo(5);
  }
}
