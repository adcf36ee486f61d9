/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.commands.CommandWork;
import io.zcbot.sandbox.worker.kafka.CommandTableReader;
import io.zcbot.sandbox.worker.kafka.PartitionOffsets;
import io.zcbot.sandbox.worker.sandbox.Ownership;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * The partitions whose commands are read: those that the group assigned to the intake. Each is
 * followed within one assignment; if it is lost and comes back between two updates, it is followed
 * anew. The progress of a partition outlives the consumer. Confined to the poll thread.
 */
final class CommandPartitions {
  /** Inputs may be published before their exec is read, with the time of another broker's clock. */
  static final Duration INPUT_WINDOW = Duration.ofSeconds(60);

  private static final Duration CALL_TIMEOUT = Duration.ofSeconds(5);

  /** While Kafka does not answer, since nothing is read meanwhile. */
  private static final Duration SHORTER = Duration.ofSeconds(1);

  /** For answers that come at once, as they usually do. */
  private static final Duration BRIEFLY = Duration.ofMillis(100);

  private final CommandFollower.Topics topics;
  private final int count;
  private final CommandFollower.Owned owned;
  private final CommandWork work;
  private final CommandInputs inputs;
  private final Time time;
  private final TrackedPartitions tracked;
  private final Map<Integer, FollowedPartition> followed = new HashMap<>();
  private final PartitionOffsets offsets;
  private final PartitionAnswers<Coming, Start> answers;
  private volatile @Nullable String problem;

  /** A partition of users that is to be followed in an assignment. */
  private record Coming(int number, Ownership ownership) {
    @Override
    public String toString() {
      return Integer.toString(number);
    }
  }

  /**
   * Where reading begins.
   *
   * @param endOfExecs the offset behind the execs that exist
   * @param inputs the window of the inputs
   */
  private record Start(long endOfExecs, PartitionOffsets.Span inputs) {}

  CommandPartitions(
      CommandFollower.Topics topics,
      int count,
      CommandFollower.Owned owned,
      CommandWork work,
      CommandInputs inputs,
      TrackedPartitions tracked,
      PartitionOffsets offsets,
      Time time) {
    this.topics = topics;
    this.count = count;
    this.owned = owned;
    this.work = work;
    this.inputs = inputs;
    this.tracked = tracked;
    this.time = time;
    this.offsets = offsets;
    this.answers = new PartitionAnswers<>(time);
  }

  /** The assignment in which a partition of any topic is read; null if it is not read. */
  @Nullable FollowedPartition of(TopicPartition partition) {
    return followed.get(partition.partition());
  }

  /** Whether one of these partitions of users is still followed. */
  boolean followsAnyOf(Collection<Integer> numbers) {
    return numbers.stream().anyMatch(followed::containsKey);
  }

  boolean isEmpty() {
    return followed.isEmpty();
  }

  /** Lets a new consumer continue where the previous one stopped. */
  void resume(Consumer<byte[], byte[]> consumer) {
    consumer.assign(all());
    for (TopicPartition partition : tracked.partitions()) {
      consumer.seek(partition, Objects.requireNonNull(tracked.tracker(partition)).position());
    }
    for (FollowedPartition each : followed.values()) {
      inputs.positions(Set.of(each.input())).forEach(consumer::seek);
    }
  }

  /** Leaves revoked partitions, runs {@code left}, and begins to follow new ones. */
  void update(Consumer<byte[], byte[]> consumer, OffsetCommits commits, Runnable left) {
    Set<Coming> coming = new HashSet<>();
    Set<Integer> going = new HashSet<>();
    for (int number = 0; number < count; number++) {
      Ownership ownership = owned.ownerships().of(number);
      boolean wanted = ownership.isKept();
      FollowedPartition now = followed.get(number);
      if (now != null && !(wanted && now.ownership().equals(ownership))) {
        going.add(number);
      }
      if (wanted && (now == null || going.contains(number))) {
        coming.add(new Coming(number, ownership));
      }
    }
    leave(consumer, commits, going);
    left.run();
    if (answers.ask(coming, this::ask)) {
      answers.await(BRIEFLY);
    }
    Map<Coming, Start> starts = answers.take();
    if (!starts.isEmpty()) {
      try {
        follow(consumer, commits, starts);
      } catch (TimeoutException e) {
        answers.failed(starts.keySet(), e);
      }
    }
    followed.values().forEach(each -> each.takeOver(work));
    problem =
        followed.values().stream()
            .filter(each -> each.ownership().isCertain())
            .map(FollowedPartition::problem)
            .filter(Objects::nonNull)
            .findAny()
            .orElse(null);
  }

  /** Why execs of some partitions will not be read; null if there are none. Any thread. */
  @Nullable String problem() {
    return problem;
  }

  /** Names partitions that can't be reached and are not followed yet; null if none. Any thread. */
  @Nullable String unreached() {
    return answers.problem();
  }

  /** Commits what is done in all partitions, and follows none any more. */
  void leaveAll(Consumer<byte[], byte[]> consumer, OffsetCommits commits) {
    leave(consumer, commits, Set.copyOf(followed.keySet()));
  }

  /** Commits what is done, and stops following; the next update resumes what is still wanted. */
  void leave(Consumer<byte[], byte[]> consumer, OffsetCommits commits, Set<Integer> numbers) {
    if (numbers.isEmpty()) {
      return;
    }
    List<FollowedPartition> gone = numbers.stream().map(followed::remove).toList();
    gone.forEach(FollowedPartition::leave);
    numbers.forEach(work::gone);
    gone.forEach(each -> inputs.gone(Set.of(each.input())));
    // Only while ownership is certain: a late commit would take back what the next owner committed.
    commits.commitFinally(certain(gone), CALL_TIMEOUT);
    for (FollowedPartition each : gone) {
      tracked.remove(each.committing());
      each.release();
    }
    consumer.assign(all());
  }

  private Map<Coming, CompletableFuture<Start>> ask(Set<Coming> coming) {
    Set<Integer> numbers = coming.stream().map(Coming::number).collect(Collectors.toSet());
    var execs = offsets.ends(partitions(topics.exec(), numbers));
    var inputs = offsets.since(partitions(topics.input(), numbers), time.now().minus(INPUT_WINDOW));
    var releases = offsets.ends(partitions(topics.release(), numbers));
    Map<Coming, CompletableFuture<Start>> starts = new HashMap<>();
    for (Coming each : coming) {
      CompletableFuture<?> isReleaseReached =
          Objects.requireNonNull(releases.get(new TopicPartition(topics.release(), each.number)));
      starts.put(
          each,
          Objects.requireNonNull(execs.get(new TopicPartition(topics.exec(), each.number)))
              .thenCombine(
                  Objects.requireNonNull(
                      inputs.get(new TopicPartition(topics.input(), each.number))),
                  Start::new)
              .thenCombine(isReleaseReached, (start, _) -> start));
    }
    return starts;
  }

  private void follow(
      Consumer<byte[], byte[]> consumer, OffsetCommits commits, Map<Coming, Start> starts) {
    Set<Integer> numbers = starts.keySet().stream().map(Coming::number).collect(Collectors.toSet());
    Set<TopicPartition> committing = partitions(topics.exec(), numbers);
    committing.addAll(partitions(topics.release(), numbers));
    Map<TopicPartition, OffsetAndMetadata> positions =
        commits.positions(committing, answers.problem() == null ? CALL_TIMEOUT : SHORTER);
    // Nothing below may fail: partitions would be assigned and not followed.
    Set<TopicPartition> union = new HashSet<>(all());
    union.addAll(committing);
    union.addAll(partitions(topics.input(), numbers));
    consumer.assign(union);
    consumer.pause(committing);
    positions.forEach(tracked::add);
    positions.forEach(consumer::seek);
    Map<Integer, Ownership> begun = new HashMap<>();
    Map<TopicPartition, PartitionOffsets.Span> windows = new HashMap<>();
    starts.forEach(
        (each, start) -> {
          begun.put(each.number, each.ownership);
          windows.put(new TopicPartition(topics.input(), each.number), start.inputs);
        });
    inputs.begin(windows).forEach(consumer::seek);
    Map<Integer, CompletableFuture<CommandTableReader.Part>> table =
        owned.table().read(Map.copyOf(begun));
    starts.forEach(
        (each, start) ->
            followed.put(
                each.number,
                new FollowedPartition(
                    each.number,
                    topics,
                    each.ownership,
                    start.endOfExecs,
                    Objects.requireNonNull(table.get(each.number)))));
  }

  private static Set<TopicPartition> partitions(String topic, Set<Integer> numbers) {
    return numbers.stream()
        .map(number -> new TopicPartition(topic, number))
        .collect(Collectors.toSet());
  }

  private Set<TopicPartition> all() {
    Set<TopicPartition> all = new HashSet<>();
    for (FollowedPartition each : followed.values()) {
      all.addAll(each.committing());
      all.add(each.input());
    }
    return all;
  }

  /** Partitions whose offsets may be committed, because this worker certainly owns them. */
  Set<TopicPartition> committable() {
    return certain(followed.values());
  }

  private static Set<TopicPartition> certain(Collection<FollowedPartition> of) {
    return of.stream()
        .filter(each -> each.ownership().isCertain())
        .flatMap(each -> each.committing().stream())
        .collect(Collectors.toSet());
  }

  /** Whether records of a partition of any topic may be read now. */
  boolean mayBegin(TopicPartition partition) {
    FollowedPartition at = of(partition);
    return at != null && at.mayBegin();
  }

  /** Applies back-pressure to inputs; {@link TrackedPartitions} does for the other topics. */
  void regulateInputs(Consumer<byte[], byte[]> consumer, boolean full) {
    Set<TopicPartition> of = new HashSet<>();
    followed.values().forEach(each -> of.add(each.input()));
    if (full) {
      consumer.pause(of);
    } else {
      of.retainAll(consumer.paused());
      consumer.resume(of);
    }
  }
}
