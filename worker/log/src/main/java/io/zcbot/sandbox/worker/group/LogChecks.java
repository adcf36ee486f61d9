/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import io.zcbot.sandbox.worker.reap.LogComparison;
import io.zcbot.sandbox.worker.reap.Takeover;
import io.zcbot.sandbox.worker.sandbox.Ownership;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;
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
  private final PartitionReading reading;
  private final Executor threads;
  private final Map<Integer, Ownership> ownerships = new ConcurrentHashMap<>();
  private final Check unowned;
  private final Check owned;

  /**
   * Compares nothing until it is called.
   *
   * @param threads runs the comparisons, which block for Kafka
   */
  LogChecks(LogReading reading, Takeover takeover, Executor threads) {
    this.comparison = reading.comparison();
    this.reading = reading.reading();
    this.takeover = takeover;
    this.threads = threads;
    this.unowned =
        new Check(
            comparison::partitions,
            Ownership::isLost,
            partitions -> comparison.of(partitions, false));
    this.owned = new Check(ownerships::keySet, Ownership::mayBegin, comparison::again);
  }

  /** Notes by which assignment partitions are owned from now on. */
  void assigned(Map<Integer, Ownership> partitions) {
    ownerships.putAll(partitions);
  }

  private Ownership of(int partition) {
    return ownerships.getOrDefault(partition, Ownership.NONE);
  }

  /** Compares the sandboxes of partitions that are not owned. Does not block. */
  void checkUnowned() {
    unowned.start();
  }

  /** Compares the sandboxes and the entries of partitions that are owned. Does not block. */
  void checkOwned() {
    owned.start();
  }

  private final class Check {
    private final Supplier<Set<Integer>> candidates;
    private final Predicate<Ownership> which;
    private final Function<Set<Integer>, LogComparison.Differences> compare;
    private final AtomicBoolean underWay = new AtomicBoolean();
    private volatile boolean failed;

    Check(
        Supplier<Set<Integer>> candidates,
        Predicate<Ownership> which,
        Function<Set<Integer>, LogComparison.Differences> compare) {
      this.candidates = candidates;
      this.which = which;
      this.compare = compare;
    }

    void start() {
      // As of now: what is read in these assignments is not acted on in later ones.
      Map<Integer, Ownership> partitions = new TreeMap<>();
      for (int number : candidates.get()) {
        Ownership ownership = of(number);
        if (which.test(ownership)) {
          partitions.put(number, ownership);
        }
      }
      if (!partitions.isEmpty() && underWay.compareAndSet(false, true)) {
        threads.execute(() -> run(partitions));
      }
    }

    private void run(Map<Integer, Ownership> partitions) {
      try {
        PartitionReading.Outcome<Boolean> outcome =
            reading.once(
                partitions.keySet(),
                number -> which.test(of(number)),
                some -> settle(some, partitions));
        RuntimeException failure = outcome.failure();
        if (failure != null && !failed) {
          Set<Integer> unread = new TreeSet<>(partitions.keySet());
          unread.removeAll(outcome.read().keySet());
          log.warn(
              "could not compare the sandboxes of partitions {} with the log, will be tried again:"
                  + " {}",
              unread,
              failure.getMessage());
        }
        failed = failure != null;
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
      } finally {
        underWay.set(false);
      }
    }

    private boolean settle(Set<Integer> partitions, Map<Integer, Ownership> ownerships) {
      LogComparison.Differences differences = compare.apply(partitions);
      for (int number : partitions) {
        var _ =
            takeover.settle(
                comparison.ofPartition(number, differences),
                Objects.requireNonNull(ownerships.get(number)));
      }
      return true;
    }
  }
}
