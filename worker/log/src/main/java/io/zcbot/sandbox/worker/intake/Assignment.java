/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.sandbox.Ownership;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The partitions of ensures that the consumer group assigned to this worker, with the progress of
 * each. The poll thread changes them; methods that say so may be called from any thread.
 */
public final class Assignment extends TrackedPartitions implements Ownerships {
  private static final Logger log = LoggerFactory.getLogger(Assignment.class);

  private final String topic;
  private final int count;
  private final Lease lease;
  private final Map<Integer, PartitionOwnership> ownerships = new ConcurrentHashMap<>();
  private final Map<TopicPartition, CompletableFuture<Void>> takeovers = new HashMap<>();
  private volatile @Nullable String problem;

  /**
   * Starts without partitions.
   *
   * @param topic the topic whose partitions the group assigns
   * @param count the number of partitions by which users are served
   * @param maxInFlight a partition is paused while this many of its records are in flight
   * @param time of the lease
   */
  public Assignment(String topic, int count, int maxInFlight, Time time) {
    super(maxInFlight);
    this.topic = topic;
    this.count = count;
    this.lease = new Lease(time);
  }

  /**
   * Reads nothing of partitions until their takeover is over.
   *
   * @param begun by partition: completes when its ensures may be served
   */
  void takeOver(Map<Integer, CompletableFuture<Void>> begun) {
    begun.forEach((number, over) -> takeovers.put(new TopicPartition(topic, number), over));
  }

  String topic() {
    return topic;
  }

  /** How sure this worker is that the group regards it as a member. */
  Lease lease() {
    return lease;
  }

  @Override
  void add(TopicPartition partition, OffsetAndMetadata position) {
    ownerships.put(partition.partition(), new PartitionOwnership(lease));
    super.add(partition, position);
  }

  @Override
  public Ownership of(int partition) {
    PartitionOwnership ownership = ownerships.get(partition);
    return ownership == null ? Ownership.NONE : ownership;
  }

  /**
   * Filters partitions for those by which users are served. There are others only after somebody
   * raised their number, until this worker notices that and stops.
   */
  List<TopicPartition> served(Collection<TopicPartition> of) {
    return of.stream().filter(partition -> partition.partition() < count).toList();
  }

  /** The numbers of the assigned partitions. Any thread. */
  public Set<Integer> numbers() {
    return numbers(partitions());
  }

  static Set<Integer> numbers(Collection<TopicPartition> of) {
    return of.stream()
        .map(TopicPartition::partition)
        .collect(Collectors.toCollection(TreeSet::new));
  }

  /** Begins and ends the reading of partitions, as their takeovers and what is full require. */
  void regulate(Consumer<byte[], byte[]> consumer, boolean allFull, boolean divertedFull) {
    takeovers.entrySet().removeIf(takeover -> isOver(takeover.getKey(), takeover.getValue()));
    noteFailedTakeovers();
    regulate(consumer, partition -> of(partition.partition()).mayBegin(), allFull, divertedFull);
  }

  private boolean isOver(TopicPartition partition, CompletableFuture<Void> takeover) {
    if (!takeover.isDone() || takeover.isCompletedExceptionally()) {
      return false;
    }
    change(List.of(partition), PartitionOwnership::takenOver);
    return true;
  }

  /**
   * Reports failed takeovers. Their partitions are not served, because sandboxes that former owners
   * lost would never be announced.
   */
  private void noteFailedTakeovers() {
    Throwable failure =
        takeovers.values().stream()
            .filter(takeover -> takeover.state() == Future.State.FAILED)
            .map(CompletableFuture::exceptionNow)
            .filter(Assignment::isNoStop)
            .findAny()
            .orElse(null);
    if (failure != null && problem == null) {
      log.error(
          "taking over partitions failed; nothing of them is read until the group assigns them"
              + " again, for example after a restart; please report this",
          failure);
    }
    problem = failure == null ? null : "taking over partitions failed: " + failure;
  }

  private static boolean isNoStop(Throwable failure) {
    return !(failure instanceof StoppedException
        || failure instanceof InterruptedException
        || failure instanceof CancellationException);
  }

  /** Forbids that new work of these partitions begins. */
  void revoke(Collection<TopicPartition> of) {
    change(of, PartitionOwnership::revoke);
  }

  /** Forbids announcements for these partitions. */
  void lose(Collection<TopicPartition> of) {
    change(of, PartitionOwnership::lose);
  }

  private void change(
      Collection<TopicPartition> of, java.util.function.Consumer<PartitionOwnership> change) {
    for (TopicPartition partition : of) {
      PartitionOwnership ownership = ownerships.get(partition.partition());
      if (ownership != null) {
        change.accept(ownership);
      }
    }
  }

  @Override
  void remove(Collection<TopicPartition> gone) {
    super.remove(gone);
    takeovers.keySet().removeAll(gone);
    ownerships.keySet().removeAll(numbers(gone));
  }

  /** Why some ensures are overdue or will never be answered; null if there are none. Any thread. */
  @Nullable String progressProblem() {
    return problem != null
        ? problem
        : Overdue.problem(
            "ensures are past their deadline and not answered", topic, overdueByPartition());
  }

  /** Records in flight per partition. Any thread. */
  Map<Integer, Integer> inFlightByPartition() {
    return inFlightByPartition(topic);
  }

  /** Records not yet read, by partition where known. Any thread. */
  Map<Integer, Long> lagByPartition() {
    return lagByPartition(topic);
  }

  /** By partition, for how long a record has been overdue; zero if none is. Any thread. */
  Map<Integer, Duration> overdueByPartition() {
    return overdueByPartition(topic);
  }
}
