/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.testkit.ManualTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetCommitCallback;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.errors.TimeoutException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** When offsets are committed, in which order, and what the group's answers mean for the lease. */
class OffsetCommitsTest {
  private static final TopicPartition ONE = new TopicPartition("sandbox.ensure", 1);
  private static final TopicPartition TWO = new TopicPartition("sandbox.ensure", 2);
  private static final Duration TICK = Duration.ofMillis(100);

  private final ManualTime time = new ManualTime(1);
  private final Assignment assignment = new Assignment(ONE.topic(), 4, 10, time);
  private final Group group = new Group();
  private final MemberCommits commits = new MemberCommits(group, assignment, time);
  private final Lease lease = assignment.lease();

  @BeforeEach
  void twoPartitions() {
    assignment.add(ONE, new OffsetAndMetadata(100));
    assignment.add(TWO, new OffsetAndMetadata(200));
    lease.renew();
  }

  /**
   * The coordinator's view of the commits, in their order. It answers at once, unless it is set to
   * be slow.
   */
  private final class Group extends MockConsumer<byte[], byte[]> {
    final Map<TopicPartition, Long> offsets = new HashMap<>();
    final List<Long> instants = new ArrayList<>();
    final List<Runnable> late = new ArrayList<>();
    boolean dawdles;
    boolean isAway;
    boolean isRebalancing;
    final Map<TopicPartition, OffsetAndMetadata> before = new HashMap<>();
    final Map<TopicPartition, Long> beginnings = new HashMap<>();

    Group() {
      super("earliest");
    }

    @Override
    public synchronized Map<TopicPartition, OffsetAndMetadata> committed(
        Set<TopicPartition> partitions, Duration timeout) {
      Map<TopicPartition, OffsetAndMetadata> committed = new HashMap<>();
      partitions.forEach(partition -> committed.put(partition, before.get(partition)));
      return committed;
    }

    /** The client asks the partition's leader. */
    @Override
    public synchronized long position(TopicPartition partition, Duration timeout) {
      throw new TimeoutException("no leader of " + partition);
    }

    @Override
    public synchronized Map<TopicPartition, Long> beginningOffsets(
        Collection<TopicPartition> partitions, Duration timeout) {
      if (!beginnings.keySet().containsAll(partitions)) {
        throw new TimeoutException("no leader of one of " + partitions);
      }
      Map<TopicPartition, Long> answer = new HashMap<>(beginnings);
      answer.keySet().retainAll(partitions);
      return answer;
    }

    @Override
    public synchronized void commitAsync(
        Map<TopicPartition, OffsetAndMetadata> these, OffsetCommitCallback callback) {
      take(these);
      if (dawdles) {
        late.add(() -> callback.onComplete(these, null));
      } else {
        callback.onComplete(these, isAway ? new TimeoutException("away") : null);
      }
    }

    @Override
    public synchronized void commitSync(
        Map<TopicPartition, OffsetAndMetadata> these, Duration timeout) {
      if (isAway) {
        throw new TimeoutException("away");
      }
      if (isRebalancing) {
        throw new RebalanceInProgressException();
      }
      take(these);
    }

    private void take(Map<TopicPartition, OffsetAndMetadata> these) {
      instants.add(time.nanos());
      these.forEach((partition, offset) -> offsets.put(partition, offset.offset()));
    }

    List<Long> gaps() {
      List<Long> gaps = new ArrayList<>();
      for (int i = 1; i < instants.size(); i++) {
        gaps.add(instants.get(i) - instants.get(i - 1));
      }
      return gaps;
    }
  }

  private void reach(TopicPartition partition, long offset) {
    assignment.advance(Map.of(partition, new OffsetAndMetadata(offset)));
  }

  /** Otherwise one partition without a leader would keep its worker from reading all others. */
  @Test
  void readingBeginsAtWhatIsCommittedWhetherTheLeaderIsReachedOrNot() {
    OffsetAndMetadata committed = new OffsetAndMetadata(100, Optional.of(7), "metadata");
    group.before.put(ONE, committed);

    assertThat(commits.positions(List.of(ONE, TWO), TICK))
        .isEqualTo(Map.of(ONE, committed, TWO, new OffsetAndMetadata(0)));

    group.beginnings.put(TWO, 30L);
    assertThat(commits.positions(List.of(ONE, TWO), TICK))
        .isEqualTo(Map.of(ONE, committed, TWO, new OffsetAndMetadata(30)));
  }

  @Test
  void whatIsNewIsCommittedAtOnceAndThenOnceASecondAtMost() {
    for (int tick = 1; tick <= 600; tick++) {
      reach(ONE, 100 + tick);
      commits.commitWhereDue();
      assertThat(group.instants).hasSizeGreaterThanOrEqualTo(1);
      time.pass(TICK);
    }
    assertThat(group.instants).hasSizeBetween(45, 60);
    assertThat(group.gaps()).allMatch(gap -> gap >= OffsetCommits.INTERVAL.toNanos());
    assertThat(new HashSet<>(group.gaps())).as("not in step").hasSizeGreaterThan(1);
  }

  @Test
  void whoHasNothingToCommitKeepsTheLeaseWithOneOffset() {
    for (int tick = 0; tick < 600; tick++) {
      commits.commitWhereDue();
      assertThat(lease.isValid()).isTrue();
      time.pass(TICK);
    }
    assertThat(group.instants).hasSizeBetween(15, 31);
    assertThat(group.offsets).containsExactly(Map.entry(ONE, 100L));
  }

  @Test
  void theLeaseEndsWhereTheGroupDoesNotAnswerThoughTheThreadRuns() {
    group.isAway = true;
    for (int tick = 0; tick < 41; tick++) {
      reach(ONE, 100 + tick);
      commits.commitWhereDue();
      time.pass(TICK);
    }
    assertThat(lease.isValid()).isFalse();
    assertThat(commits.isMember(TICK)).isFalse();
    assertThat(lease.isValid()).isFalse();
    group.isAway = false;
    assertThat(commits.isMember(TICK)).isTrue();
    time.pass(Lease.HEARTBEAT);
    assertThat(commits.isMember(TICK)).isTrue();
    assertThat(lease.isValid()).isTrue();
  }

  /** The classic protocol refuses commits meanwhile; to give up would lose all partitions. */
  @Test
  void aRebalanceIsNoReasonToLeaveTheGroup() {
    group.isRebalancing = true;
    time.pass(Lease.TERM);
    assertThat(commits.isMember(TICK)).isFalse();
    assertThat(lease.isValid()).isFalse();
    group.isRebalancing = false;
    assertThat(commits.isMember(TICK)).isTrue();
    time.pass(Lease.HEARTBEAT);
    assertThat(commits.isMember(TICK)).isTrue();
    assertThat(lease.isValid()).isTrue();
  }

  /** The process may have been stopped between the answer and the look at it. */
  @Test
  void theLeaseLastsFromTheQuestionOn() {
    group.dawdles = true;
    reach(ONE, 101);
    commits.commitWhereDue();
    time.pass(Lease.TERM);
    group.late.getFirst().run();
    assertThat(lease.isValid()).isFalse();
  }

  @Test
  void aProofDoesNotTakeBackACommitThatIsUnderWay() {
    group.dawdles = true;
    reach(ONE, 105);
    commits.commitWhereDue();
    assertThat(commits.isMember(TICK)).isTrue();
    group.late.getFirst().run();
    assertThat(group.offsets).containsEntry(ONE, 105L);
  }

  /** Elections and restarts of brokers are over by then. */
  @Test
  void commitsThatFailForAMinuteAreAProblem() {
    group.isAway = true;
    for (int tick = 0; tick < 650; tick++) {
      reach(ONE, 101 + tick);
      commits.commitWhereDue();
      assertThat(commits.problem(time.nanos()) != null).as("tick " + tick).isEqualTo(tick >= 600);
      time.pass(TICK);
    }
    assertThat(commits.problem(time.nanos())).contains("away");
    group.isAway = false;
    time.pass(OffsetCommits.INTERVAL.multipliedBy(2));
    reach(ONE, 1000);
    commits.commitWhereDue();
    assertThat(commits.problem(time.nanos())).isNull();
  }

  @Test
  void aCommitWithoutAnAnswerIsAProblemAfterAMinuteAsWell() {
    group.dawdles = true;
    reach(ONE, 101);
    commits.commitWhereDue();
    time.pass(Duration.ofSeconds(59));
    assertThat(commits.problem(time.nanos())).isNull();
    time.pass(Duration.ofSeconds(1));
    assertThat(commits.problem(time.nanos())).contains("does not answer");
    group.late.getFirst().run();
    assertThat(commits.problem(time.nanos())).isNull();
  }

  @Test
  void anOldAnswerAfterANewerOneLosesNothing() {
    group.dawdles = true;
    reach(TWO, 201);
    commits.commitWhereDue();
    reach(TWO, 209);
    commits.commitFinally(List.of(ONE, TWO), TICK);
    group.late.getFirst().run();
    assertThat(group.offsets).containsEntry(TWO, 209L);
  }
}
