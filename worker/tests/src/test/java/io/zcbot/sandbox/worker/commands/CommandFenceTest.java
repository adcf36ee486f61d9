/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.worker.commands.CommandFence.Remains;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import org.junit.jupiter.api.Test;

/** What happens to a command whose partition is lost and assigned again. */
class CommandFenceTest {
  private static final Fence GONE =
      () -> {
        throw new FencedException("another worker owns the partition by now");
      };

  @Test
  void aCommandThatRunsGoesOnUnderTheNextFence() throws Exception {
    CommandFence fence = new CommandFence(GONE);
    fence.start();
    assertThat(fence.renew(Fence.OPEN)).isEqualTo(Remains.GOES_ON);
    fence.pass();
  }

  @Test
  void aCommandThatWasNotStartedWillNotBe() {
    CommandFence fence = new CommandFence(Fence.OPEN);
    assertThat(fence.renew(Fence.OPEN)).isEqualTo(Remains.NOTHING);
    assertThatThrownBy(fence::start).isInstanceOf(FencedException.class);
  }

  @Test
  void whoNoticedThatThePartitionIsGoneIsGivenUp() throws Exception {
    CommandFence fence = new CommandFence(GONE);
    fence.start();
    assertThatThrownBy(fence::pass).isInstanceOf(FencedException.class);
    assertThat(fence.renew(Fence.OPEN)).isEqualTo(Remains.GIVEN_UP);
    assertThatThrownBy(fence::pass).isInstanceOf(FencedException.class);
  }

  @Test
  void aFenceThatFailedWhileItWasRenewedIsPassedAgain() throws Exception {
    CommandFence[] fence = new CommandFence[1];
    fence[0] =
        new CommandFence(
            () -> {
              assertThat(fence[0].renew(Fence.OPEN)).isEqualTo(Remains.GOES_ON);
              throw new FencedException("another worker owned the partition");
            });
    fence[0].start();
    fence[0].pass();
  }
}
