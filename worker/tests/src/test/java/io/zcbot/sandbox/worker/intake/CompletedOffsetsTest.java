/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.intake.CompletedOffsets.Run;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CompletedOffsetsTest {
  private static CompletedOffsets random(long committed, int records, Random random) {
    CompletedOffsets.Builder builder = new CompletedOffsets.Builder();
    long offset = committed + 1;
    int epoch = random.nextInt(3) - 1;
    for (int i = 0; i < records; i++) {
      offset += random.nextInt(10) == 0 ? random.nextInt(1_000_000) : random.nextInt(2);
      epoch += random.nextInt(20) == 0 ? 1 : 0;
      if (random.nextBoolean()) {
        builder.complete(new Run(offset, offset, epoch));
      } else {
        builder.gap();
      }
      offset++;
    }
    return builder.build();
  }

  @Property(tries = 1000)
  void whatIsReadIsWhatWasWritten(@ForAll long seed, @ForAll @IntRange(max = 500) int records) {
    Random random = new Random(seed);
    long committed = random.nextLong() >>> random.nextInt(2, 60);
    CompletedOffsets completed = random(committed, records, random);
    String text = completed.encode(committed, 100_000);
    assertThat(CompletedOffsets.decode(committed, text)).isEqualTo(completed);
  }

  @Property(tries = 200)
  void whatDoesNotFitIsLeftOutFromTheEnd(
      @ForAll long seed, @ForAll @IntRange(min = 0, max = 4096) int room) {
    CompletedOffsets completed = random(7, 5000, new Random(seed));
    String text = completed.encode(7, room);
    assertThat(text.length()).isLessThanOrEqualTo(room);
    List<Run> kept = CompletedOffsets.decode(7, text).runs();
    assertThat(kept).isEqualTo(completed.runs().subList(0, kept.size()));
    if (room > 100) {
      assertThat(text.length()).as("what is left unused").isGreaterThan(room - 40);
    }
  }

  /** The bound of open records is 1,000 by default. */
  @Test
  void eachSecondOfAThousandFits() {
    CompletedOffsets.Builder builder = new CompletedOffsets.Builder();
    for (int i = 1; i < 1000; i += 2) {
      builder.complete(new Run(i, i, 5)).gap();
    }
    CompletedOffsets completed = builder.build();
    String text = completed.encode(0, CompletedOffsets.MAX_CHARS);
    assertThat(text).hasSizeLessThan(1400);
    assertThat(CompletedOffsets.decode(0, text)).isEqualTo(completed);
  }

  /** A partition with more runs is not read on. */
  @Test
  void asManyRunsAsAreNeededFitThoughTheyAreLong() {
    CompletedOffsets.Builder builder = new CompletedOffsets.Builder();
    for (int i = 0; i < CompletedOffsets.FITTING; i++) {
      builder.complete(new Run(i * 400L + 200, i * 400L + 399, 5)).gap();
    }
    CompletedOffsets completed = builder.build();
    String text = completed.encode(0, CompletedOffsets.MAX_CHARS);
    assertThat(CompletedOffsets.decode(0, text)).isEqualTo(completed);
  }

  @Test
  void nothingIsTheEmptyText() {
    assertThat(CompletedOffsets.NONE.encode(5, 100)).isEmpty();
    assertThat(CompletedOffsets.decode(5, "")).isEqualTo(CompletedOffsets.NONE);
  }

  /** Administrators and other programs commit as well. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "reset by hand",
        "done1:",
        "done1:!",
        "done1:gA",
        "done1://///////////////////w",
        "done2:AAAA"
      })
  void whatIsNotItsOwnIsNothing(String metadata) {
    assertThat(CompletedOffsets.decode(5, metadata).runs()).isEmpty();
  }

  @Test
  void anOffsetThatAnotherLeaderGaveAwayAgainIsNotComplete() {
    CompletedOffsets completed =
        new CompletedOffsets.Builder()
            .complete(new Run(3, 5, 7))
            .complete(new Run(6, 6, 8))
            .build();
    assertThat(completed.contains(4, 7)).isTrue();
    assertThat(completed.contains(4, 8)).isFalse();
    assertThat(completed.contains(6, 8)).isTrue();
    assertThat(completed.contains(2, 7)).isFalse();
    assertThat(completed.contains(7, 8)).isFalse();
  }
}
