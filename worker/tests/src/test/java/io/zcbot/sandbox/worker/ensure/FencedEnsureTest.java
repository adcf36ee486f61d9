/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.testkit.EngineFaults;
import io.zcbot.sandbox.worker.testkit.InAWorld;
import io.zcbot.sandbox.worker.testkit.World;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What an ensure leaves behind if its partition went to another worker. */
class FencedEnsureTest extends InAWorld {
  /** A request whose user moves to another worker after the given number of checks. */
  private EnsureRequest losing(World world, int passes) {
    EnsureRequest request = world.request(ANNA);
    AtomicInteger left = new AtomicInteger(passes);
    return new EnsureRequest(
        request.ensure(),
        0,
        request.arrived(),
        request.deadline(),
        () -> {
          if (left.getAndDecrement() <= 0) {
            throw new FencedException("another worker owns the partition by now");
          }
        });
  }

  /** Whatever it was at: the user's next worker may be making another already. */
  @ParameterizedTest
  @CsvSource({"0, 0", "1, 0", "2, 1"})
  void whoLostThePartitionMakesNothingMoreAndLeavesNothing(int passes, int creates)
      throws Exception {
    assertThatThrownBy(() -> world.domain.ensurer().ensure(losing(world, passes)))
        .isInstanceOf(FencedException.class);
    assertThat(world.engine.creates()).isEqualTo(creates);
    assertThat(world.engine.everything()).isEmpty();
    assertThat(world.log).isEmpty();
    assertThat(world.live).isEmpty();
    assertThat(world.domain.capacity().taken()).isZero();
  }

  @Test
  void whoLostThePartitionTriesNothingAgain() throws Exception {
    world.engine.faults.failNext(
        new EngineFaults.Fault("create", EngineException.Kind.TRANSIENT, false));
    assertThatThrownBy(() -> world.domain.ensurer().ensure(losing(world, 2)))
        .isInstanceOf(FencedException.class);
    assertThat(world.engine.everything()).isEmpty();
    assertThat(world.log).isEmpty();
  }

  @Test
  void whoLostThePartitionKeepsNoClaimedSlot() throws Exception {
    World warm = new World(root.resolve("warm"), 10, null, 1_000_000, 1);
    warm.warmUp();
    assertThatThrownBy(() -> warm.domain.ensurer().ensure(losing(warm, 1)))
        .isInstanceOf(FencedException.class);
    assertThat(warm.engine.everything()).isEmpty();
    assertThat(warm.mounts.left()).isEmpty();
    assertThat(warm.log).isEmpty();
    assertThat(warm.domain.capacity().taken()).isZero();
  }

  /**
   * What a producer was handed can reach the log when the next owner has found that the sandbox was
   * never ready.
   */
  @Test
  void whoLostThePartitionBeforeTheAnswerAnnouncesTheEnd() throws Exception {
    world.isAnothers = ANNA::equals;
    world.firstTryFailed = world.live::clear;
    assertThatThrownBy(() -> world.domain.ensurer().ensure(losing(world, 4)))
        .isInstanceOf(FencedException.class);
    assertOneHasMoved();
  }

  /** The next owner may have read the log just before. */
  @Test
  void whoLostThePartitionAsTheLogTookTheAnswerAnnouncesTheEnd() throws Exception {
    world.isAnothers = ANNA::equals;
    assertThatThrownBy(() -> world.ready(ANNA)).isInstanceOf(FencedException.class);
    assertThat(world.current).isEmpty();
    assertOneHasMoved();
  }

  private void assertOneHasMoved() throws Exception {
    assertThat(world.reaped())
        .singleElement()
        .extracting(Reaped::reason)
        .isEqualTo(Reaped.Reason.MOVED);
    assertThat(world.engine.everything()).isEmpty();
    assertThat(world.registry.size()).isZero();
    assertThat(world.domain.capacity().taken()).isZero();
  }

  @Test
  void whoLostThePartitionKeepsTheSandboxThatItWouldHaveReused() throws Exception {
    world.ready(ANNA);
    assertThatThrownBy(() -> world.domain.ensurer().ensure(losing(world, 1)))
        .isInstanceOf(FencedException.class);
    assertThat(world.engine.running(ANNA)).as("the rebalance decides on it").hasSize(1);
  }
}
