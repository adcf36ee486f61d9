/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.Ownership;
import io.zcbot.sandbox.worker.testkit.ManualTime;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;

class AssignmentTest {
  private static final TopicPartition ONE = new TopicPartition("ensures", 1);

  private final MockConsumer<byte[], byte[]> consumer = new MockConsumer<>("earliest");
  private final ManualTime time = new ManualTime(0);
  private final Assignment assignment = new Assignment("ensures", 3, 2, time);

  private void add() {
    consumer.assign(List.of(ONE));
    assignment.add(ONE, new OffsetAndMetadata(0));
  }

  @Test
  void nothingIsReadBeforeWhatTheFormerOwnerLeftIsAnnounced() {
    CompletableFuture<Void> takeover = new CompletableFuture<>();
    add();
    assignment.takeOver(Map.of(ONE.partition(), takeover));
    assignment.regulate(consumer, false, false);
    assertThat(consumer.paused()).containsExactly(ONE);
    assertThat(assignment.of(1)).matches(it -> it.isKept() && !it.mayBegin());
    takeover.complete(null);
    assignment.regulate(consumer, false, false);
    assertThat(consumer.paused()).isEmpty();
    assertThat(assignment.of(1).mayBegin()).isTrue();
  }

  /** Its former owner's losses are not announced, which must not look as if they were. */
  @Test
  void nothingIsReadAfterATakeoverThatFailedAndThatIsReported() {
    CompletableFuture<Void> takeover = new CompletableFuture<>();
    add();
    assignment.takeOver(Map.of(ONE.partition(), takeover));
    assignment.regulate(consumer, false, false);
    assertThat(assignment.progressProblem()).isNull();
    takeover.completeExceptionally(new IllegalStateException("for once"));
    assignment.regulate(consumer, false, false);
    assertThat(consumer.paused()).containsExactly(ONE);
    assertThat(assignment.of(1).mayBegin()).isFalse();
    assertThat(assignment.progressProblem()).contains("for once");
    assignment.remove(List.of(ONE));
    assignment.regulate(consumer, false, false);
    assertThat(assignment.progressProblem()).isNull();
  }

  @Test
  void aPartitionIsPausedWhileItsRecordsInFlightAreAtTheBound() {
    add();
    assignment.takeOver(Map.of(ONE.partition(), CompletableFuture.completedFuture(null)));
    OffsetTracker tracker = assignment.tracker(ONE);
    InFlightRecord first = tracker.open(0, Optional.empty(), null, 0);
    tracker.open(1, Optional.empty(), null, 0);
    assignment.regulate(consumer, false, false);
    assertThat(consumer.paused()).containsExactly(ONE);
    first.complete();
    assignment.regulate(consumer, false, false);
    assertThat(consumer.paused()).isEmpty();
    assignment.regulate(consumer, true, false);
    assertThat(consumer.paused()).as("all are full").containsExactly(ONE);
  }

  /** What the dead-letter topic does not take must not hold up users of other partitions. */
  @Test
  void onlyPartitionsWithDivertedRecordsArePausedForThese() {
    TopicPartition other = new TopicPartition("ensures", 2);
    own(ONE, other);
    InFlightRecord diverted = read(ONE, 0);
    UserId user = new UserId(new UUID(1, 1));
    var _ = assignment.tracker(other).open(next++, Optional.empty(), user, 0);
    assignment.regulate(consumer, false, true);
    assertThat(consumer.paused()).containsExactly(ONE);
    assignment.regulate(consumer, false, false);
    assertThat(consumer.paused()).isEmpty();
    assignment.regulate(consumer, false, true);
    diverted.complete();
    assignment.regulate(consumer, false, true);
    assertThat(consumer.paused()).isEmpty();
  }

  @Test
  void ensuresThatWaitBehindAPauseAreLag() {
    own(ONE);
    consumer.updateBeginningOffsets(Map.of(ONE, 0L));
    consumer.updateEndOffsets(Map.of(ONE, 43L));
    consumer.seek(ONE, 1);
    assignment.regulate(consumer, true, false);
    assertThat(consumer.paused()).containsExactly(ONE);
    assignment.noteLag(consumer, 0);
    assertThat(assignment.lagByPartition()).containsEntry(1, 42L);
  }

  private long next;

  /** Reads an incomplete record, followed by the given number of complete ones. */
  private InFlightRecord read(TopicPartition partition, int complete) {
    OffsetTracker tracker = assignment.tracker(partition);
    InFlightRecord waiting = tracker.open(next++, Optional.empty(), null, 0);
    for (int i = 0; i < complete; i++) {
      tracker.open(next++, Optional.empty(), null, 0).complete();
    }
    return waiting;
  }

  private void own(TopicPartition... partitions) {
    consumer.assign(List.of(partitions));
    for (TopicPartition partition : partitions) {
      assignment.add(partition, new OffsetAndMetadata(0));
      assignment.takeOver(Map.of(partition.partition(), CompletableFuture.completedFuture(null)));
    }
    assignment.regulate(consumer, false, false);
  }

  private boolean isPaused(TopicPartition partition) {
    assignment.regulate(consumer, false, false);
    return consumer.paused().contains(partition);
  }

  /** One that waits for ten minutes held up all others of its partition that came meanwhile. */
  @Test
  void aRecordThatWaitsDoesNotPauseItsPartitionThoughManyBehindItAreComplete() {
    own(ONE);
    InFlightRecord waiting = read(ONE, 9_000);
    assertThat(isPaused(ONE)).isFalse();
    assertThat(assignment.inFlightByPartition()).containsEntry(1, 1);
    read(ONE, 0);
    assertThat(isPaused(ONE)).as("two wait").isTrue();
    waiting.complete();
    waiting.complete();
    assertThat(isPaused(ONE)).isFalse();
    assertThat(assignment.inFlightByPartition()).containsEntry(1, 1);
  }

  @Test
  void whatIsCompleteBehindOthersIsBoundedForAllPartitionsTogether() {
    TopicPartition other = new TopicPartition("ensures", 2);
    own(ONE, other);
    read(ONE, 6_000);
    InFlightRecord waiting = read(other, 3_999);
    assertThat(isPaused(ONE)).isFalse();
    read(other, 1);
    waiting.complete();
    assertThat(isPaused(ONE)).as("that is committed").isFalse();
    read(other, 3_999);
    assertThat(isPaused(ONE)).isTrue();
    assertThat(isPaused(other)).isTrue();
    assignment.remove(List.of(other));
    assertThat(isPaused(ONE)).isFalse();
  }

  @Test
  void aPartitionWithLittleReadIsNotPausedForOthers() {
    TopicPartition other = new TopicPartition("ensures", 2);
    own(ONE, other);
    read(ONE, 10_000);
    read(other, 0);
    assertThat(isPaused(ONE)).isTrue();
    assertThat(isPaused(other)).isFalse();
  }

  /** Or what is complete would be worked on again after a kill. */
  @Test
  void whatDoesNotFitIntoTheCommitsMetadataPausesThePartition() {
    Assignment wide = new Assignment("ensures", 3, 1000, time);
    consumer.assign(List.of(ONE));
    wide.add(ONE, new OffsetAndMetadata(0));
    wide.takeOver(Map.of(ONE.partition(), CompletableFuture.completedFuture(null)));
    OffsetTracker tracker = wide.tracker(ONE);
    long offset = 0;
    for (int i = 0; i < 500; i++) {
      tracker.open(offset++, Optional.empty(), null, 0);
      tracker.open(offset++, Optional.empty(), null, 0).complete();
      tracker.open(offset++, Optional.empty(), null, 0).complete();
    }
    wide.regulate(consumer, false, false);
    assertThat(consumer.paused()).isEmpty();
    tracker.open(offset, Optional.empty(), null, 0);
    wide.regulate(consumer, false, false);
    assertThat(consumer.paused()).containsExactly(ONE);
  }

  @Test
  void whereCommitsHaveNoMetadataWhatIsCompleteCountsAsWell() {
    own(ONE);
    assignment.forgoMetadata();
    read(ONE, 1);
    assertThat(isPaused(ONE)).isTrue();
  }

  @Test
  void anOwnershipEndsAndDoesNotComeBack() throws Exception {
    assignment.lease().renew();
    assertThat(assignment.of(1)).isEqualTo(Ownership.NONE);
    add();
    Ownership first = assignment.of(1);
    assertThat(first.isKept()).isTrue();
    assertThat(first.await()).isTrue();
    assignment.revoke(List.of(ONE));
    assertThat(first).matches(it -> !it.isKept() && !it.mayBegin() && it.isCertain());
    assertThat(first.await()).isFalse();
    first.pass();
    assignment.lose(List.of(ONE));
    assertThat(first).matches(it -> it.isLost() && !it.isCertain());
    assertThatThrownBy(first::pass).isInstanceOf(FencedException.class);
    assignment.remove(List.of(ONE));
    add();
    assertThat(assignment.of(1)).as("assigned again").matches(Ownership::isKept);
    assertThat(first.isLost()).as("the earlier assignment").isTrue();
  }

  @Test
  void partitionsThatOnlyTheEnsuresHaveAreNotServed() {
    List<TopicPartition> assigned =
        Stream.of(0, 2, 3, 7).map(number -> new TopicPartition("ensures", number)).toList();
    assertThat(Assignment.numbers(assignment.served(assigned))).containsExactly(0, 2);
  }

  /** A poll that reads nothing of it looks like one of an empty partition. */
  @Test
  void aPartitionWhoseLeaderDoesNotAnswerIsReported() {
    try (MockConsumer<byte[], byte[]> silent =
        new MockConsumer<>("earliest") {
          @Override
          public synchronized OptionalLong currentLag(TopicPartition partition) {
            return OptionalLong.empty();
          }
        }) {
      add();
      assignment.noteLag(silent, 0);
      assignment.noteLag(silent, Duration.ofSeconds(29).toNanos());
      assertThat(assignment.silent()).isEmpty();
      assignment.noteLag(silent, Duration.ofSeconds(30).toNanos());
      assertThat(assignment.silent()).containsExactly(ONE);
      assignment.remove(List.of(ONE));
      assignment.noteLag(silent, Duration.ofSeconds(31).toNanos());
      assertThat(assignment.silent()).isEmpty();
    }
  }

  @Test
  void aTakeoverThatEndsAfterThePartitionIsGoneChangesNothing() {
    CompletableFuture<Void> takeover = new CompletableFuture<>();
    add();
    assignment.takeOver(Map.of(ONE.partition(), takeover));
    assignment.revoke(List.of(ONE));
    takeover.complete(null);
    assignment.regulate(consumer, false, false);
    assertThat(assignment.of(1).mayBegin()).isFalse();
    assertThat(consumer.paused()).containsExactly(ONE);
  }
}
