/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.testkit.EngineFaults;
import io.zcbot.sandbox.worker.testkit.FakeOwnership;
import io.zcbot.sandbox.worker.testkit.World;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which users get a sandbox when many new users ask for one. */
class AdmissionTest {
  private static final UserId ANNA = World.user(1);
  private static final UserId BEN = World.user(2);
  private static final UserId CLARA = World.user(3);

  @TempDir Path root;
  private World world;

  @BeforeEach
  void letThreeNewUsersInPerMinute() throws Exception {
    world = new World(root, 100, null, 3);
  }

  @Test
  void aFloodOfNewUsersIsRefusedAndThoseKnownAreServed() throws Exception {
    String annas = world.ready(ANNA).containerId();
    for (int i = 10; i < 12; i++) {
      world.ready(World.user(i));
    }
    Failed refused = world.failed(World.user(12));
    assertThat(refused.reason()).isEqualTo(Failed.Reason.CAPACITY);
    assertThat(refused.retryable()).isTrue();
    assertThat(refused.message()).contains("3 new users", "ZCBOT_NEW_USERS_PER_MINUTE");
    assertThat(world.engine.creates()).isEqualTo(3);

    assertThat(world.ready(ANNA).outcome()).isEqualTo(Ready.Outcome.REUSED);
    world.engine.removeByHand(annas);
    assertThat(world.ready(ANNA).outcome()).as("not new").isEqualTo(Ready.Outcome.RECREATED);

    world.advance(Duration.ofSeconds(20));
    world.ready(World.user(12));
    world.failed(World.user(13));
  }

  /** Two hundred thousand wait in the log before a known user, so none may cost a call. */
  @Test
  void aFloodOfNewUsersAsksNothingOfTheEngine() throws Exception {
    world.ready(ANNA);
    world.ready(BEN);
    world.ready(CLARA);
    int calls = world.engine.faults.calls();

    for (int i = 1000; i < 201_000; i++) {
      failed(World.user(i), Failed.Reason.CAPACITY);
    }

    assertThat(world.engine.faults.calls()).as("calls of the engine").isEqualTo(calls);
    assertThat(root.resolve(World.user(1000).toString())).doesNotExist();
    assertThat(world.ready(ANNA).outcome()).isEqualTo(Ready.Outcome.REUSED);
  }

  private void failed(UserId user, Failed.Reason reason)
      throws FencedException, InterruptedException {
    Object answer = world.ensure(user);
    if (!(answer instanceof Failed failed) || failed.reason() != reason) {
      throw new AssertionError("answered with " + answer);
    }
  }

  @Test
  void anEnsureTriedAgainCountsOnce() throws Exception {
    world = new World(root, 100, null, 2);
    for (int i = 0; i < 3; i++) {
      world.engine.faults.failNext(
          new EngineFaults.Fault("create", EngineException.Kind.CONFLICT, false));
    }
    world.ready(ANNA);
    world.ready(BEN);
    world.failed(CLARA);
  }

  @Test
  void usersOfAHostThatDiedAreNotNew() throws Exception {
    var lost =
        world
            .domain
            .takeover()
            .announceLost(
                IntStream.range(10, 30)
                    .mapToObj(
                        i ->
                            new LiveSandbox(
                                World.user(i), "c-" + i, "dead", "dead-worker", Instant.EPOCH))
                    .toList(),
                new FakeOwnership(FakeOwnership.State.OWNED));
    world.settle();
    assertThat(lost.join()).hasSize(20);

    for (int i = 10; i < 30; i++) {
      world.ready(World.user(i));
    }
    world.ready(ANNA);
    world.ready(BEN);
    world.ready(CLARA);
    world.failed(World.user(4));
  }

  @Test
  void usersOfThePreviousRunAreNotNew() throws Exception {
    for (int i = 10; i < 16; i++) {
      world.ready(World.user(i));
      world.advance(Duration.ofSeconds(20));
    }
    world.restart();
    assertThat(world.reaped()).hasSize(6);

    for (int i = 10; i < 16; i++) {
      world.ready(World.user(i));
    }
    world.ready(ANNA);
    world.ready(BEN);
    world.ready(CLARA);
    world.failed(World.user(4));
  }
}
