/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import io.zcbot.sandbox.worker.intake.PartitionStates;
import io.zcbot.sandbox.worker.reap.LogComparison;
import io.zcbot.sandbox.worker.reap.Takeover;
import io.zcbot.sandbox.worker.reap.Tenure;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.IntPredicate;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Compares what runs here with the log, on other threads, with at most one comparison of each kind
 * at a time.
 *
 * <p>Sandboxes of users whom another worker serves by now, as its announcements show, are removed.
 * A worker that merely lost its membership, for example by a missing permission, keeps its
 * sandboxes, since nobody took over. Missing entries of owned partitions in the live table are
 * written again.
 */
final class LogChecks {
  private static final Logger log = LoggerFactory.getLogger(LogChecks.class);

  private final LogComparison comparison;
  private final Takeover takeover;
  private final PartitionStates states;
  private final Executor threads;
  private final Check unowned = new Check(number -> !owns(number), _ -> false);
  private final Check owned = new Check(this::owns, _ -> true);

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
  }

  /** Compares the sandboxes of partitions that are not owned. Does not block. */
  void checkUnowned() {
    unowned.start();
  }

  /** Compares the sandboxes of partitions that are owned. Does not block. */
  void checkOwned() {
    owned.start();
  }

  /** Whether this worker may announce sandboxes of the partition's users. */
  private boolean owns(int partition) {
    return states.of(partition).mayAnnounce();
  }

  private final class Check {
    private final IntPredicate which;
    private final Tenure tenure;
    private final AtomicBoolean underWay = new AtomicBoolean();
    private volatile boolean failed;

    Check(IntPredicate which, Tenure tenure) {
      this.which = which;
      this.tenure = tenure;
    }

    void start() {
      Set<Integer> partitions = new TreeSet<>(comparison.partitions());
      partitions.removeIf(number -> !which.test(number));
      if (!partitions.isEmpty() && underWay.compareAndSet(false, true)) {
        threads.execute(() -> run(partitions));
      }
    }

    private void run(Set<Integer> partitions) {
      try {
        compare(partitions);
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
     * Compares all partitions together; if that takes too long, each alone, so that none holds up
     * the others.
     */
    private void compare(Set<Integer> partitions) {
      try {
        compareAtOnce(partitions);
      } catch (TimeoutException e) {
        if (partitions.size() == 1) {
          throw e;
        }
        compareEachAlone(partitions);
      }
    }

    private void compareEachAlone(Set<Integer> partitions) {
      Set<Integer> unreached = new TreeSet<>();
      for (int number : partitions) {
        // Partitions may have come or gone during the earlier ones.
        if (which.test(number)) {
          try {
            compareAtOnce(Set.of(number));
          } catch (TimeoutException _) {
            unreached.add(number);
          }
        }
      }
      if (!unreached.isEmpty()) {
        throw new TimeoutException("partitions %s can't be reached".formatted(unreached));
      }
    }

    private void compareAtOnce(Set<Integer> partitions) {
      var _ = takeover.settle(comparison.of(partitions, false), tenure);
    }
  }
}
