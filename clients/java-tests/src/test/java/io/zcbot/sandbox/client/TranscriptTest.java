/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;

class TranscriptTest {
  private static final String ID = "x";
  private static final TopicPartition LOG = new TopicPartition("sandbox.output", 0);
  private static final Duration LATENESS = Duration.ofSeconds(10);

  private final UserId user = Samples.user();
  private final AtomicLong time = new AtomicLong();
  private final Transcript transcript = new Transcript(100, LATENESS, time::get);
  private final Deadline later = Deadline.in(Duration.ofHours(1), time::get);

  private boolean take(long seq, String text) {
    return take(transcript, seq, text, 1000 + seq);
  }

  private boolean take(Transcript transcript, long seq, String text, long offset) {
    return transcript.accept(Samples.output(user, ID, seq, text), LOG, offset);
  }

  private String written() {
    return transcript.written(OutputStreamName.STDOUT).text();
  }

  @Test
  void piecesAreInOrderAndEachOnce() throws Exception {
    assertThat(take(1, "b")).isTrue();
    assertThat(take(1, "B")).isFalse();
    assertThat(written()).isEmpty();
    assertThat(take(0, "a")).isTrue();
    assertThat(take(0, "A")).isFalse();
    assertThat(take(2, "c")).isTrue();
    assertThat(written()).isEqualTo("abc");
    assertThat(transcript.piece(1, later).data().text()).isEqualTo("b");
    transcript.end(Samples.exited(user, ID, 3));
    assertThat(transcript.piece(3, later)).isNull();
    assertThat(transcript.awaitEnd(later).exitCode()).isZero();
    assertThat(take(3, "d")).isFalse();
  }

  @Test
  void outputThatIsReadAfterTheEndIsAwaited() throws Exception {
    transcript.end(Samples.exited(user, ID, 2));
    assertThat(transcript.isOver()).isTrue();
    take(0, "a");
    Thread late = Thread.ofVirtual().start(() -> take(1, "b"));
    assertThat(transcript.awaitEnd(later).outputCount()).isEqualTo(2);
    late.join();
    assertThat(written()).isEqualTo("ab");
    assertThat(transcript.missing()).isZero();
  }

  @Test
  void whatNeverComesIsMissedAfterAWhile() throws Exception {
    take(0, "a");
    take(2, "c");
    Exited end = Samples.exited(user, ID, 3);
    transcript.end(end);
    time.addAndGet(LATENESS.toNanos());
    assertThat(transcript.awaitEnd(later)).isSameAs(end);
    assertThat(transcript.missing()).isEqualTo(2);
    assertThat(transcript.piece(1, later)).isNull();
    assertThatThrownBy(() -> Endings.result(end, transcript))
        .isInstanceOfSatisfying(
            OutputLostException.class, e -> assertThat(e.result().stdout()).isEqualTo("a"));
  }

  @Test
  void outputIsMissedAtTheDeadlineOfACommandThatEnded() throws Exception {
    Deadline over = Deadline.in(Duration.ZERO, time::get);
    transcript.end(Samples.exited(user, ID, 1));
    assertThat(transcript.piece(0, over)).isNull();
    assertThat(transcript.awaitEnd(over)).isNotNull();
    assertThat(transcript.missing()).isEqualTo(1);
  }

  /** Megabytes of it, read through a slow link. */
  @Test
  void outputThatKeepsComingAfterTheEndIsAwaited() throws Exception {
    Duration almost = LATENESS.minusSeconds(1);
    transcript.end(Samples.exited(user, ID, 3));
    take(0, "a");
    time.addAndGet(almost.toNanos());
    take(1, "b");
    time.addAndGet(almost.toNanos());
    FutureTask<Transcript.Piece> last = new FutureTask<>(() -> transcript.piece(2, later));
    Thread reader = Thread.ofPlatform().daemon().start(last);
    await().until(() -> reader.getState() == Thread.State.TIMED_WAITING || last.isDone());
    take(2, "c");
    assertThat(last.get(60, TimeUnit.SECONDS)).isNotNull();
    assertThat(transcript.awaitEnd(later).outputCount()).isEqualTo(3);
    assertThat(transcript.missing()).isZero();
    assertThat(written()).isEqualTo("abc");
  }

  @Test
  void theOutputOfALostCommandIsNotAwaited() throws Exception {
    take(0, "a");
    transcript.end(Samples.exited(user, ID, Exited.Reason.LOST, Samples.NOW, 7, false));
    assertThat(transcript.awaitEnd(later).reason()).isEqualTo(Exited.Reason.LOST);
    assertThat(transcript.missing()).isZero();
  }

  @Test
  void noMoreIsKeptThanTheCommandMayWrite() {
    assertThat(take(0, "x".repeat(60))).isTrue();
    assertThat(take(1, "x".repeat(41))).isFalse();
    assertThat(take(Long.MAX_VALUE, "x".repeat(40))).isTrue();
    assertThat(take(2, "x")).isFalse();
    assertThat(written()).hasSize(60);
  }

  @Test
  void piecesWithoutBytesAreNotKeptForEver() {
    int taken = 0;
    for (int i = 0; i < 10_000; i++) {
      taken += take(i, "") ? 1 : 0;
    }
    assertThat(taken).isEqualTo(100);
  }

  @Test
  void farAheadOnlySoManyAreKept() {
    Transcript large = new Transcript(1 << 20, LATENESS, time::get);
    int taken = 0;
    for (int i = 0; i < 3_000; i++) {
      taken += take(large, 10 + i, "x", i) ? 1 : 0;
    }
    assertThat(taken).isEqualTo(1024);
  }

  @Test
  void theFirstEndCounts() throws Exception {
    assertThat(transcript.end(Samples.exited(user, ID, 0))).isTrue();
    assertThat(transcript.end(Samples.exited(user, ID, Exited.Reason.LOST, Samples.NOW, 0, false)))
        .isFalse();
    assertThat(transcript.awaitEnd(later).reason()).isEqualTo(Exited.Reason.EXITED);
  }

  private static Exited notStarted(UserId user) {
    return Samples.exited(user, ID, Exited.Reason.FAILED, null, 0, true);
  }

  @Test
  void aStartCountsMoreThanAnAnswerThatThereWasNone() throws Exception {
    Exited end = Samples.exited(user, ID, 0);
    assertThat(transcript.end(notStarted(user))).isTrue();
    assertThat(transcript.end(notStarted(user))).isFalse();
    assertThat(transcript.end(end)).isTrue();
    assertThat(transcript.end(notStarted(user))).isFalse();
    assertThat(transcript.awaitStart(later)).isTrue();
    assertThat(transcript.awaitEnd(later)).isSameAs(end);
  }

  @Test
  void outputCountsMoreThanAnAnswerThatThereWasNoStart() throws Exception {
    Deadline over = Deadline.in(Duration.ZERO, time::get);
    transcript.end(notStarted(user));
    assertThat(transcript.awaitStart(over)).isFalse();
    assertThat(take(0, "a")).isTrue();
    assertThat(transcript.awaitStart(over)).isTrue();
    assertThat(transcript.isOver()).isFalse();
    assertThat(transcript.end(notStarted(user))).isFalse();
    assertThat(transcript.awaitEnd(over)).isNull();
    transcript.end(Samples.exited(user, ID, 1));
    assertThat(transcript.awaitEnd(later).reason()).isEqualTo(Exited.Reason.EXITED);
    assertThat(written()).isEqualTo("a");
  }

  @Test
  void theClientsEndEndsTheWaitForAStart() {
    transcript.end(notStarted(user));
    transcript.close();
    assertThatThrownBy(() -> transcript.awaitStart(later))
        .isInstanceOf(ClientClosedException.class);
  }

  @Test
  void aDeadlineAndTheClientsEndEndAWait() throws Exception {
    Deadline over = Deadline.in(Duration.ZERO, time::get);
    assertThat(transcript.awaitEnd(over)).isNull();
    assertThatThrownBy(() -> transcript.piece(0, over)).isInstanceOf(NoAnswerException.class);
    transcript.close();
    assertThatThrownBy(() -> transcript.awaitEnd(later)).isInstanceOf(ClientClosedException.class);
    assertThatThrownBy(() -> transcript.piece(0, later)).isInstanceOf(ClientClosedException.class);
  }

  // Those that are passing.

  private final Deadline now = Deadline.in(Duration.ZERO, time::get);

  /** Memory that is taken in units, as much as there is. */
  private static final class Pool implements Transcript.Spare {
    private int left;

    @Override
    public boolean take(int bytes) {
      if (bytes > left) {
        return false;
      }
      left -= bytes;
      return true;
    }

    @Override
    public void give(int bytes) {
      left += bytes;
    }
  }

  private final Pool spare = new Pool();

  private String taken(Transcript passing) throws InterruptedException {
    Transcript.Next next = passing.take(later, now);
    return next instanceof Transcript.Piece piece ? piece.data().text() : next.toString();
  }

  @Test
  void whatDoesNotFitIsReadAgainFromTheLog() throws Exception {
    Transcript passing = Transcript.passing(100, 100, spare, LATENESS, time::get);
    assertThat(take(passing, 0, "a".repeat(60), 10)).isTrue();
    assertThat(take(passing, 1, "b".repeat(41), 11)).isFalse();
    assertThat(take(passing, 2, "c", 12)).as("half of the room is for what comes next").isFalse();
    assertThat(taken(passing)).startsWith("aa");
    assertThat(taken(passing)).isEqualTo("UNREAD");
    assertThat(passing.takeUnread()).isEqualTo(Map.of(LOG, 11L));
    assertThat(take(passing, 0, "A", 10)).as("again").isFalse();
    assertThat(take(passing, 2, "c", 12)).isTrue();
    assertThat(take(passing, 1, "b".repeat(200), 11)).as("one that is larger fits").isTrue();
    assertThat(taken(passing)).hasSize(200);
    assertThat(taken(passing)).isEqualTo("c");
    passing.end(Samples.exited(user, ID, 3));
    assertThat(taken(passing)).isEqualTo("END");
    assertThat(passing.absent()).isZero();
  }

  @Test
  void moreThanIsReservedIsKeptWhileThereIsSpareMemory() throws Exception {
    Transcript passing = Transcript.passing(100_000, 1000, spare, LATENESS, time::get);
    assertThat(take(passing, 0, "a".repeat(1000), 10)).isTrue();
    assertThat(take(passing, 1, "b".repeat(1000), 11)).as("none is spare").isFalse();
    spare.left = 8192;
    assertThat(take(passing, 1, "b".repeat(1000), 11)).isTrue();
    assertThat(take(passing, 2, "c".repeat(8000), 12)).as("two units are not enough").isFalse();
    assertThat(spare.left).isEqualTo(4096);
    assertThat(taken(passing)).startsWith("a");
    assertThat(taken(passing)).as("which the taker may have until now").startsWith("b");
    assertThat(spare.left).as("given back").isEqualTo(8192);
    assertThat(take(passing, 2, "c".repeat(3000), 12)).isTrue();
    passing.leave();
    assertThat(spare.left).isEqualTo(8192);
    assertThat(take(passing, 3, "d".repeat(1000), 13)).as("nobody takes it").isFalse();
  }

  @Test
  void noMoreThanTheRoomAndOnePieceIsKeptWhateverComes() throws Exception {
    Transcript passing = Transcript.passing(100, 100, spare, LATENESS, time::get);
    int kept = 0;
    for (int seq : new int[] {5, 7, 3, 0, 1, 2, 4, 6, 8, 9}) {
      kept += take(passing, seq, "x".repeat(20), seq) ? 20 : 0;
    }
    assertThat(kept).isBetween(60, 120);
    while (taken(passing).startsWith("x")) {
      kept -= 20;
    }
    assertThat(kept).as("ahead of a gap").isLessThanOrEqualTo(50);
  }

  @Test
  void outputThatIsNotKeptAndNeverComesIsAbsentAfterAWhile() throws Exception {
    Transcript passing = Transcript.passing(100, 100, spare, LATENESS, time::get);
    take(passing, 1, "b", 11);
    passing.end(Samples.exited(user, ID, 2));
    time.addAndGet(LATENESS.toNanos());
    assertThat(taken(passing)).isEqualTo("END");
    assertThat(passing.absent()).isEqualTo(2);
    assertThat(passing.missing()).isZero();
    assertThat(passing.awaitEnd(now).exitCode()).isZero();
  }

  @Test
  void outputOfACommandThatIsJoinedBeginsWithWhateverComes() throws Exception {
    Transcript joining = Transcript.joining(100, 100, spare, LOG, 7, LATENESS, time::get);
    assertThat(take(joining, 41, "a", 8)).isTrue();
    assertThat(take(joining, 40, "before", 7)).isFalse();
    assertThat(take(joining, 42, "b", 9)).isTrue();
    assertThat(joining.end(Samples.exited(user, ID, 43))).isTrue();
    assertThat(taken(joining)).isEqualTo("a");
    assertThat(taken(joining)).isEqualTo("b");
    assertThat(taken(joining)).isEqualTo("END");
  }

  @Test
  void afterAnEndWithoutOutputTheLogTellsWhetherThereWasSome() throws Exception {
    Transcript joining = Transcript.joining(100, 100, spare, LOG, 7, LATENESS, time::get);
    joining.end(Samples.exited(user, ID, 43));
    assertThat(taken(joining)).isEqualTo("UNREAD");
    assertThat(joining.takeUnread()).isEqualTo(Map.of(LOG, 7L));
    assertThat(taken(joining)).isEqualTo("END");
    assertThat(joining.absent()).isZero();
  }

  @Test
  void aStartIsAwaitedEvenIfTheEndIsReadFirst() throws Exception {
    assertThatThrownBy(() -> transcript.started(now)).isInstanceOf(NoAnswerException.class);
    transcript.end(Samples.exited(user, ID, 0));
    Thread late = Thread.ofVirtual().start(() -> transcript.start(Samples.started(user, ID, 17)));
    assertThat(transcript.started(later).pid()).isEqualTo(17);
    late.join();
    assertThat(transcript.start(Samples.started(user, ID, 18))).isFalse();
    assertThat(transcript.started(now).pid()).isEqualTo(17);
  }

  @Test
  void aCommandThatWasNotStartedHasNoStartUnlessItIsStartedLate() throws Exception {
    transcript.end(notStarted(user));
    assertThat(transcript.started(later)).isNull();
    transcript.start(Samples.started(user, ID, 17));
    assertThat(transcript.started(now).pid()).isEqualTo(17);
    assertThat(transcript.isOver()).isFalse();
    assertThat(transcript.awaitStart(now)).isTrue();
  }
}
