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
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.apache.kafka.common.KafkaException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Compares what runs here with the log, off the caller's thread and one comparison at a time.
 *
 * <p>Sandboxes of users whom another worker serves by now are removed; its announcements tell. A
 * worker that merely lost its membership, for example a permission, keeps its sandboxes, since
 * nobody took over. Entries of owned partitions that somebody removed from the live table are
 * written again.
 */
final class LogChecks {
  private static final Logger log = LoggerFactory.getLogger(LogChecks.class);

  private final LogComparison comparison;
  private final Takeover takeover;
  private final PartitionStates states;
  private final Executor threads;
  private final AtomicBoolean underWay = new AtomicBoolean();
  private volatile boolean failed;

  /**
   * Compares nothing until it is called.
   *
   * @param threads runs what waits for Kafka
   */
  LogChecks(LogComparison comparison, Takeover takeover, PartitionStates states, Executor threads) {
    this.comparison = comparison;
    this.takeover = takeover;
    this.states = states;
    this.threads = threads;
  }

  /** Compares the sandboxes of partitions that are not owned. Does not block. */
  void checkUnowned() {
    check(partitions(number -> !owns(number)), _ -> false);
  }

  /** Compares the sandboxes of partitions that are owned. Does not block. */
  void checkOwned() {
    check(partitions(this::owns), _ -> true);
  }

  /** Whether sandboxes of the partition's users are this worker's to announce. */
  private boolean owns(int partition) {
    return states.of(partition).mayAnnounce();
  }

  private Set<Integer> partitions(Predicate<Integer> which) {
    return comparison.partitions().stream().filter(which).collect(Collectors.toSet());
  }

  private void check(Set<Integer> partitions, Tenure tenure) {
    if (!partitions.isEmpty() && underWay.compareAndSet(false, true)) {
      threads.execute(() -> compare(partitions, tenure));
    }
  }

  private void compare(Set<Integer> partitions, Tenure tenure) {
    try {
      var _ = takeover.settle(comparison.of(partitions, false), tenure);
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
}
