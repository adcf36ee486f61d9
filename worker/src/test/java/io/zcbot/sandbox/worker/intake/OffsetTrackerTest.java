/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.UserId;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class OffsetTrackerTest {
  private static final UserId ANNA = new UserId(new UUID(0, 1));
  private static final UserId BEN = new UserId(new UUID(0, 2));

  @Test
  void commitsBehindTheCompletedHeadOnly() {
    OffsetTracker progress = new OffsetTracker(10);
    var first = progress.open(10, ANNA);
    var second = progress.open(11, BEN);
    progress.advanceTo(12);
    assertThat(progress.committable()).isEmpty();
    second.complete();
    assertThat(progress.committable()).isEmpty();
    assertThat(progress.inFlight()).isEqualTo(2);
    first.complete();
    assertThat(progress.committable()).hasValue(12);
    assertThat(progress.inFlight()).isZero();
    progress.committed(12);
    assertThat(progress.committable()).isEmpty();
  }

  @Test
  void aGapAtTheEndIsCommittedWithThePosition() {
    OffsetTracker progress = new OffsetTracker(0);
    progress.open(3, ANNA).complete();
    progress.advanceTo(9); // 4 to 8 are transaction markers or were compacted away
    assertThat(progress.committable()).hasValue(9);
  }

  @Test
  void aPositionThatMovesWithoutRecordsIsCommittedToo() {
    OffsetTracker progress = new OffsetTracker(5);
    progress.advanceTo(8);
    assertThat(progress.committable()).hasValue(8);
  }

  @Test
  void aLateCompletionOfAnEarlierAssignmentTouchesNothing() {
    OffsetTracker before = new OffsetTracker(0);
    var late = before.open(0, ANNA);
    before.lose();
    OffsetTracker again = new OffsetTracker(0);
    again.takeOver();
    var fresh = again.open(0, ANNA);
    again.advanceTo(1);
    late.complete();
    assertThat(late.partition()).isEqualTo(PartitionState.LOST);
    assertThat(fresh.partition()).isEqualTo(PartitionState.OWNED);
    assertThat(again.committable()).isEmpty();
    fresh.complete();
    assertThat(again.committable()).hasValue(1);
  }

  @Test
  void knowsWhoseLanesAreAtWork() {
    OffsetTracker progress = new OffsetTracker(0);
    var annas = progress.open(0, ANNA);
    progress.open(1, BEN);
    progress.open(2, null);
    assertThat(progress.usersAtWork()).containsExactlyInAnyOrder(ANNA, BEN);
    annas.complete();
    assertThat(progress.usersAtWork()).containsExactly(BEN);
  }

  @Test
  void offsetsThatDoNotRiseAreABug() {
    OffsetTracker progress = new OffsetTracker(0);
    progress.open(4, ANNA);
    assertThatThrownBy(() -> progress.open(4, ANNA)).isInstanceOf(IllegalStateException.class);
  }

  /** Against the plain statement: everything before the committed offset is complete. */
  @Property(tries = 500)
  void neverCommitsPastAnOpenRecordAndAlwaysReachesTheEnd(
      @ForAll @IntRange(min = 1, max = 120) int records, @ForAll long seed) {
    Random random = new Random(seed);
    OffsetTracker progress = new OffsetTracker(0);
    List<Long> offsets = new ArrayList<>();
    List<InFlightRecord> slots = new ArrayList<>();
    List<Integer> open = new ArrayList<>();
    Set<Long> complete = new HashSet<>();
    long next = 0;
    long committed = 0;
    while (slots.size() < records || !open.isEmpty()) {
      boolean read = slots.size() < records && (open.isEmpty() || random.nextBoolean());
      if (read) {
        next += random.nextInt(3); // a gap, or none
        offsets.add(next);
        open.add(slots.size());
        slots.add(progress.open(next, ANNA));
        next++;
        progress.advanceTo(next);
      } else {
        int at = random.nextInt(open.size());
        int index = open.get(at);
        open.remove(/* index */ at);
        slots.get(index).complete();
        complete.add(offsets.get(index));
      }
      OptionalLong committable = progress.committable();
      if (committable.isPresent()) {
        assertThat(committable.getAsLong()).isGreaterThan(committed);
        committed = committable.getAsLong();
        for (long offset : offsets) {
          assertThat(offset >= committed || complete.contains(offset)).isTrue();
        }
        if (random.nextBoolean()) {
          progress.committed(committed);
        } else {
          committed = 0; // the commit failed; the same may be offered again
        }
      }
    }
    progress.committed(next);
    assertThat(progress.inFlight()).isZero();
    assertThat(progress.committable()).isEmpty();
  }
}
