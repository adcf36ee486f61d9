/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.CommandSignal;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class InterruptsTest {
  private final Interrupts interrupts = new Interrupts();

  private CommandSignal after(long millis, CommandSignal signal) {
    return interrupts.next(signal, Duration.ofMillis(millis).toNanos());
  }

  @Test
  void theSecondCtrlCWithinASecondKillsAndTheThirdLeaves() {
    assertThat(after(5_000, CommandSignal.INT)).isEqualTo(CommandSignal.INT);
    assertThat(after(5_900, CommandSignal.INT)).isEqualTo(CommandSignal.KILL);
    assertThat(after(60_000, CommandSignal.INT)).isNull();
  }

  @Test
  void aCtrlCNowAndThenIsAnInterruptEachTime() {
    for (int i = 1; i < 5; i++) {
      assertThat(after(i * 2_000L, CommandSignal.INT)).isEqualTo(CommandSignal.INT);
    }
  }

  @Test
  void otherSignalsArePassedOnOnce() {
    assertThat(after(0, CommandSignal.TERM)).isEqualTo(CommandSignal.TERM);
    assertThat(after(9_000, CommandSignal.TERM)).isNull();
  }

  @Test
  void aTermAfterACtrlCIsPassedOn() {
    assertThat(after(0, CommandSignal.INT)).isEqualTo(CommandSignal.INT);
    assertThat(after(1, CommandSignal.TERM)).isEqualTo(CommandSignal.TERM);
  }
}
