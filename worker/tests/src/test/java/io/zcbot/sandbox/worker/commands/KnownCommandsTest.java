/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.sandbox.Fence;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class KnownCommandsTest {
  private static final UserId ANNA = new UserId(new UUID(1, 1));
  private static final ContainerRef SANDBOX = new ContainerRef("n", "c", "h", "w");

  private final List<String> marked = new ArrayList<>();
  private final List<String> removed = new ArrayList<>();
  private final KnownCommands known =
      new KnownCommands(
          new CommandTable() {
            @Override
            public void started(CommandEntry entry, Fence fence) {}

            @Override
            public void answered(CommandEntry entry) {
              marked.add(entry.execId());
            }

            @Override
            public void remove(UserId user, String execId) {
              removed.add(execId);
            }
          });

  private static CommandEntry entry(int partition, long offset) {
    return new CommandEntry(
        ANNA, partition + "-" + offset, partition, offset, SANDBOX, Instant.EPOCH, false);
  }

  @Test
  void areFullWhereCommitsFailForLongAndNoMoreOnceTheyDoNot() {
    for (int offset = 0; offset < KnownCommands.MAX_UNCOMMITTED / 2; offset++) {
      assertThat(known.isFull()).isFalse();
      known.answered(entry(0, offset));
      known.answered(entry(1, offset));
    }
    assertThat(known.isFull()).isTrue();
    known.committed(1, 3);
    assertThat(known.isFull()).isFalse();
    assertThat(removed).containsExactlyInAnyOrder("1-0", "1-1", "1-2");
  }

  /** As of users who give their commands long ids in another script. */
  @Test
  void areFullEarlierIfTheirIdsAreLong() {
    for (int offset = 0; offset < 20_000; offset++) {
      known.answered(longEntry(offset));
      known.answered(longEntry(offset));
    }
    assertThat(known.isFull()).isTrue();
    known.committed(0, 10_000);
    assertThat(known.isFull()).isFalse();
    known.committed(0, 20_000);
    for (int offset = 20_000; offset < 30_000; offset++) {
      known.answered(longEntry(offset));
    }
    assertThat(known.isFull()).as("what was committed takes nothing").isFalse();
  }

  private static CommandEntry longEntry(long offset) {
    String id = "я".repeat(250) + offset;
    return new CommandEntry(
        ANNA, id, 0, offset, SANDBOX, Instant.EPOCH, false, "sandbox.reply." + "r".repeat(200));
  }

  @Test
  void whatAnotherWorkerAnswersFromNowOnTakesNoRoom() {
    for (int offset = 0; offset < KnownCommands.MAX_UNCOMMITTED; offset++) {
      known.answered(entry(0, offset));
    }
    known.gone(0);
    assertThat(known.isFull()).isFalse();
  }

  /** Whose exec is read again, and answered without it: else the next owner answers it lost. */
  @Test
  void anEntryOfACommandThatWasNotStartedIsMarkedOnceItsExecIsAnswered() {
    CommandEntry first = entry(0, 5);
    known.givenUp(first, false);
    assertThat(marked).isEmpty();
    known.add(CommandKey.of(first));
    assertThat(marked).containsExactly("0-5");

    CommandEntry second = entry(0, 6);
    known.add(CommandKey.of(second));
    known.givenUp(second, false);
    assertThat(marked).containsExactly("0-5", "0-6");

    known.givenUp(entry(0, 7), true);
    known.add(CommandKey.of(entry(0, 7)));
    assertThat(marked).as("it was started").hasSize(2);
  }

  /** Nobody reads it, so it would never be committed, and stay for ever. */
  @Test
  void anEntryOfNoExecThatThereIsGoesAtOnce() {
    known.lost(entry(0, 5), 5);
    known.answeredBefore(entry(0, 6), 5);
    assertThat(removed).containsExactly("0-5", "0-6");
    assertThat(known.contains(CommandKey.of(entry(0, 5)))).isTrue();
    assertThat(known.left(CommandKey.of(entry(0, 6)))).isNull();
  }

  @Test
  void thoseOfFormerOwnersGoOnceTheyAreCommittedAndNeverStopTheReading() {
    for (int offset = 0; offset < KnownCommands.MAX_UNCOMMITTED; offset++) {
      known.answeredBefore(entry(0, offset), Long.MAX_VALUE);
    }
    assertThat(known.isFull()).isFalse();
    assertThat(known.left(CommandKey.of(entry(0, 7)))).isEqualTo(entry(0, 7));
    known.committed(0, KnownCommands.MAX_UNCOMMITTED);
    assertThat(removed).hasSize(KnownCommands.MAX_UNCOMMITTED);
    assertThat(known.left(CommandKey.of(entry(0, 7)))).isNull();
  }
}
