/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import io.zcbot.sandbox.worker.intake.PartitionStates;
import io.zcbot.sandbox.worker.kafka.Denials;
import io.zcbot.sandbox.worker.reap.LogComparison;
import io.zcbot.sandbox.worker.reap.Takeover;
import io.zcbot.sandbox.worker.reap.Tenure;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.function.IntPredicate;
import java.util.function.Supplier;
import org.apache.kafka.common.KafkaException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Compares what runs here with the log, on other threads, with at most one comparison of each kind
 * at a time.
 *
 * <p>Sandboxes of users whom another worker serves by now, as its announcements show, are removed.
 * A worker that merely lost its membership, for example by a missing permission, keeps its
 * sandboxes, since nobody took over. In owned partitions, missing entries of the live table are
 * written again, and entries of former owners are treated as at the takeover: a worker that is
 * suspended while it loses a partition may have written them too late for that.
 */
final class LogChecks {
  private static final Logger log = LoggerFactory.getLogger(LogChecks.class);

  private final LogComparison comparison;
  private final Takeover takeover;
  private final PartitionStates states;
  private final Executor threads;
  private final Map<Integer, Tenure> tenures = new ConcurrentHashMap<>();
  private final Check unowned;
  private final Check owned;

  /**
   * Compares nothing until it is called.
   *
   * @param threads runs the comparisons, which block for Kafka
   */
  LogChecks(LogComparison comparison, Takeover takeover, PartitionStates states, Executor threads) {
    this.comparison = comparison;
    this.takeover = takeover;
    this.states = states;
    this.threads = threads;
    this.unowned =
        new Check(
            comparison::partitions,
            number -> !owns(number),
            partitions -> comparison.of(partitions, false),
            () -> _ -> false);
    this.owned = new Check(tenures::keySet, this::serves, comparison::again, this::currentTenures);
  }

  /** Notes the assignment in which partitions are owned from now on. */
  void assigned(Set<Integer> partitions, Tenure tenure) {
    partitions.forEach(number -> tenures.put(number, tenure));
  }

  /** The tenure of the assignments of now: what is read in them is not acted on in later ones. */
  private Tenure currentTenures() {
    Map<Integer, Tenure> now = Map.copyOf(tenures);
    return user -> {
      Tenure tenure = now.get(comparison.partitionOf(user));
      return tenure != null && tenure.holds(user);
    };
  }

  /** Compares the sandboxes of partitions that are not owned. Does not block. */
  void checkUnowned() {
    unowned.start();
  }

  /** Compares the sandboxes and the entries of partitions that are owned. Does not block. */
  void checkOwned() {
    owned.start();
  }

  /** Whether this worker may announce sandboxes of the partition's users. */
  private boolean owns(int partition) {
    return states.of(partition).mayAnnounce();
  }

  /** Whether the partition was taken over, and its users are served. */
  private boolean serves(int partition) {
    return states.of(partition).mayBegin();
  }

  private final class Check {
    private final Supplier<Set<Integer>> candidates;
    private final IntPredicate which;
    private final Function<Set<Integer>, LogComparison.Differences> comparison;
    private final Supplier<Tenure> tenures;
    private final AtomicBoolean underWay = new AtomicBoolean();
    private volatile boolean failed;

    Check(
        Supplier<Set<Integer>> candidates,
        IntPredicate which,
        Function<Set<Integer>, LogComparison.Differences> comparison,
        Supplier<Tenure> tenures) {
      this.candidates = candidates;
      this.which = which;
      this.comparison = comparison;
      this.tenures = tenures;
    }

    void start() {
      Tenure tenure = tenures.get();
      Set<Integer> partitions = new TreeSet<>(candidates.get());
      partitions.removeIf(number -> !which.test(number));
      if (!partitions.isEmpty() && underWay.compareAndSet(false, true)) {
        threads.execute(() -> run(partitions, tenure));
      }
    }

    private void run(Set<Integer> partitions, Tenure tenure) {
      try {
        compare(partitions, tenure);
        failed = false;
      } catch (KafkaException e) {
        if (!failed) {
          log.warn(
              "could not compare the sandboxes with the log, will be tried again: {}",
              e.getMessage());
        }
        failed = true;
      } finally {
        underWay.set(false);
      }
    }

    /**
     * Compares all partitions together; if that fails, each alone, so that none holds up the
     * others.
     */
    private void compare(Set<Integer> partitions, Tenure tenure) {
      try {
        compareAtOnce(partitions, tenure);
      } catch (KafkaException e) {
        if (partitions.size() == 1 || Denials.isOfAllPartitions(e)) {
          throw e;
        }
        compareEachAlone(partitions, tenure);
      }
    }

    private void compareEachAlone(Set<Integer> partitions, Tenure tenure) {
      Set<Integer> unread = new TreeSet<>();
      KafkaException failure = null;
      for (int number : partitions) {
        // Partitions may have come or gone during the earlier ones.
        if (which.test(number)) {
          try {
            compareAtOnce(Set.of(number), tenure);
          } catch (KafkaException e) {
            unread.add(number);
            failure = e;
          }
        }
      }
      if (failure != null) {
        throw new KafkaException(
            "partitions %s can't be read: %s".formatted(unread, failure.getMessage()), failure);
      }
    }

    private void compareAtOnce(Set<Integer> partitions, Tenure tenure) {
      var _ = takeover.settle(comparison.apply(partitions), tenure);
    }
  }
}
