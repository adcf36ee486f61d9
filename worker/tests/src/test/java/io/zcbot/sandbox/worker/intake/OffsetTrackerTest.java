/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.junit.jupiter.api.Test;

class OffsetTrackerTest {
  private static final UserId ANNA = new UserId(new UUID(0, 1));
  private static final UserId BEN = new UserId(new UUID(0, 2));
  private static final Optional<Integer> EPOCH = Optional.of(3);
  private static final long DUE = 0;

  /** The offset alone. */
  private static OptionalLong committable(OffsetTracker tracker) {
    return tracker
        .committable(0)
        .map(offset -> OptionalLong.of(offset.offset()))
        .orElse(OptionalLong.empty());
  }

  private static OffsetAndMetadata toCommit(OffsetTracker tracker) {
    return tracker.committable(CompletedOffsets.MAX_CHARS).orElseThrow();
  }

  @Test
  void whatIsCompleteBehindTheHeadIsCommittedAndNotDoneAgain() {
    OffsetTracker before = new OffsetTracker(10);
    before.open(10, EPOCH, ANNA, DUE);
    before.open(11, EPOCH, BEN, DUE).complete();
    before.open(12, EPOCH, BEN, DUE);
    before.open(13, EPOCH, BEN, DUE).complete();
    before.advanceTo(new OffsetAndMetadata(14, EPOCH, ""));
    OffsetAndMetadata committed = toCommit(before);
    assertThat(committed.offset()).isEqualTo(10);
    before.committed(committed);
    assertThat(before.committable(CompletedOffsets.MAX_CHARS)).isEmpty();

    OffsetTracker after = new OffsetTracker(committed);
    assertThat(after.committable(CompletedOffsets.MAX_CHARS)).as("as it is committed").isEmpty();
    assertThat(after.skip(10, EPOCH)).isFalse();
    var head = after.open(10, EPOCH, ANNA, DUE);
    assertThat(after.skip(11, EPOCH)).isTrue();
    after.advanceTo(new OffsetAndMetadata(12, EPOCH, ""));
    assertThat(after.committable(CompletedOffsets.MAX_CHARS))
        .as("what was not read again yet stays known")
        .isEmpty();
    assertThat(after.skip(12, EPOCH)).isFalse();
    var other = after.open(12, EPOCH, BEN, DUE);
    assertThat(after.skip(13, EPOCH)).isTrue();
    after.advanceTo(new OffsetAndMetadata(14, EPOCH, ""));
    head.complete();
    other.complete();
    assertThat(toCommit(after)).isEqualTo(new OffsetAndMetadata(14, EPOCH, ""));
  }

  @Test
  void aRecordThatGotTheOffsetOfALostOneIsNotSkipped() {
    OffsetTracker before = new OffsetTracker(0);
    before.open(0, EPOCH, ANNA, DUE);
    before.open(1, EPOCH, BEN, DUE).complete();
    before.advanceTo(new OffsetAndMetadata(2, EPOCH, ""));
    OffsetTracker after = new OffsetTracker(toCommit(before));
    assertThat(after.skip(1, Optional.of(4))).isFalse();
  }

  /** KIP-320: so that a consumer notices where the log was cut behind it. */
  @Test
  void theEpochOfTheLastRecordDoneIsCommitted() {
    OffsetTracker progress = new OffsetTracker(new OffsetAndMetadata(5, Optional.of(1), ""));
    var first = progress.open(5, Optional.of(2), ANNA, DUE);
    progress.open(6, Optional.of(3), BEN, DUE);
    progress.advanceTo(new OffsetAndMetadata(7, Optional.of(3), ""));
    first.complete();
    assertThat(toCommit(progress)).isEqualTo(new OffsetAndMetadata(6, Optional.of(2), ""));
  }

  /** A kill at any time: what a commit says is complete is skipped, and nothing else is. */
  @Property(tries = 500)
  void afterAKillExactlyTheCommittedRecordsAreSkipped(
      @ForAll @IntRange(min = 1, max = 200) int records, @ForAll long seed) {
    Random random = new Random(seed);
    long[] offsets = new long[records];
    for (int i = 0; i < records; i++) {
      offsets[i] = (i == 0 ? 0 : offsets[i - 1] + 1) + random.nextInt(2);
    }
    OffsetAndMetadata committed = new OffsetAndMetadata(0);
    Set<Long> done = new HashSet<>();
    for (int life = 0; life < 6; life++) {
      OffsetTracker tracker = new OffsetTracker(committed);
      Map<Long, InFlightRecord> open = new LinkedHashMap<>();
      Set<Long> doneNow = new HashSet<>(done);
      int reads = random.nextInt(records + 1);
      for (int i = 0; i < reads; i++) {
        long offset = offsets[i];
        if (offset < committed.offset()) {
          assertThat(done).contains(offset);
          continue;
        }
        boolean skipped = tracker.skip(offset, EPOCH);
        assertThat(skipped).as("offset " + offset).isEqualTo(done.contains(offset));
        if (!skipped) {
          open.put(offset, tracker.open(offset, EPOCH, ANNA, DUE));
        }
        tracker.advanceTo(new OffsetAndMetadata(offset + 1, EPOCH, ""));
        if (random.nextBoolean() && !open.isEmpty()) {
          long some = open.keySet().stream().skip(random.nextInt(open.size())).findFirst().get();
          open.remove(some).complete();
          doneNow.add(some);
        }
        if (random.nextInt(5) == 0) {
          Optional<OffsetAndMetadata> next = tracker.committable(CompletedOffsets.MAX_CHARS);
          if (next.isPresent()) {
            tracker.committed(next.get());
            committed = next.get();
            done.addAll(doneNow);
          }
        }
      }
    }
  }

  @Test
  void commitsBehindTheCompletedHeadOnly() {
    OffsetTracker progress = new OffsetTracker(10);
    var first = progress.open(10, EPOCH, ANNA, DUE);
    var second = progress.open(11, EPOCH, BEN, DUE);
    progress.advanceTo(new OffsetAndMetadata(12, EPOCH, ""));
    assertThat(committable(progress)).isEmpty();
    second.complete();
    assertThat(committable(progress)).isEmpty();
    assertThat(progress.inFlight()).isEqualTo(2);
    assertThat(progress.incomplete()).isEqualTo(1);
    first.complete();
    assertThat(committable(progress)).hasValue(12);
    assertThat(progress.inFlight()).isZero();
    progress.committed(new OffsetAndMetadata(12, EPOCH, ""));
    assertThat(committable(progress)).isEmpty();
  }

  @Test
  void aGapAtTheEndIsCommittedWithThePosition() {
    OffsetTracker progress = new OffsetTracker(0);
    progress.open(3, EPOCH, ANNA, DUE).complete();
    progress.advanceTo(
        new OffsetAndMetadata(
            9, EPOCH, "")); // 4 to 8 are transaction markers or were compacted away
    assertThat(committable(progress)).hasValue(9);
  }

  @Test
  void aPositionThatMovesWithoutRecordsIsCommittedToo() {
    OffsetTracker progress = new OffsetTracker(5);
    progress.advanceTo(new OffsetAndMetadata(8, EPOCH, ""));
    assertThat(committable(progress)).hasValue(8);
  }

  @Test
  void aLateCompletionOfAnEarlierAssignmentTouchesNothing() {
    OffsetTracker before = new OffsetTracker(0);
    var late = before.open(0, EPOCH, ANNA, DUE);
    OffsetTracker again = new OffsetTracker(0);
    var fresh = again.open(0, EPOCH, ANNA, DUE);
    again.advanceTo(new OffsetAndMetadata(1, EPOCH, ""));
    late.complete();
    assertThat(committable(again)).isEmpty();
    fresh.complete();
    assertThat(committable(again)).hasValue(1);
  }

  @Test
  void offsetsThatDoNotRiseAreABug() {
    OffsetTracker progress = new OffsetTracker(0);
    progress.open(4, EPOCH, ANNA, DUE);
    assertThatThrownBy(() -> progress.open(4, EPOCH, ANNA, DUE))
        .isInstanceOf(IllegalStateException.class);
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
        slots.add(progress.open(next, EPOCH, ANNA, DUE));
        next++;
        progress.advanceTo(new OffsetAndMetadata(next, EPOCH, ""));
      } else {
        int at = random.nextInt(open.size());
        int index = open.get(at);
        open.remove(/* index */ at);
        slots.get(index).complete();
        complete.add(offsets.get(index));
      }
      OptionalLong committable = committable(progress);
      if (committable.isPresent()) {
        assertThat(committable.getAsLong()).isGreaterThan(committed);
        committed = committable.getAsLong();
        for (long offset : offsets) {
          assertThat(offset >= committed || complete.contains(offset)).isTrue();
        }
        if (random.nextBoolean()) {
          progress.committed(progress.committable(0).orElseThrow());
        } else {
          committed = 0; // the commit failed; the same may be offered again
        }
      }
    }
    progress.committable(0).ifPresent(progress::committed);
    assertThat(progress.committed().offset()).isEqualTo(next);
    assertThat(progress.inFlight()).isZero();
    assertThat(committable(progress)).isEmpty();
  }

  @Test
  void theRecordThatShouldHaveBeenCompleteFirstSaysForHowLong() {
    OffsetTracker tracker = new OffsetTracker(0);
    assertThat(tracker.overdue(100)).isZero();
    tracker.open(0, EPOCH, ANNA, 200);
    InFlightRecord late = tracker.open(1, EPOCH, BEN, 40);
    assertThat(tracker.overdue(30)).as("all in time").isZero();
    assertThat(tracker.overdue(100)).isEqualTo(Duration.ofNanos(60));
    late.complete();
    assertThat(tracker.overdue(100)).as("it waits for the head only").isZero();
    assertThat(tracker.overdue(250)).isEqualTo(Duration.ofNanos(50));
  }

  @Test
  void aCommitBeyondTheEndOfTheLogIsReplaced() {
    OffsetTracker tracker = new OffsetTracker(5000);
    tracker.advanceTo(new OffsetAndMetadata(3, EPOCH, ""));
    OffsetAndMetadata reached = toCommit(tracker);
    tracker.committed(reached);
    assertThat(tracker.committed()).isEqualTo(reached);
    assertThat(tracker.committable(CompletedOffsets.MAX_CHARS)).as("once").isEmpty();
  }
}
