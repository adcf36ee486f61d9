/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.worker.reap.Takeover;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import org.apache.kafka.common.KafkaException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Silently removes sandboxes of users whom another worker serves by now, because the new owner
 * announced them lost. Only the live table decides. A worker that merely lost its membership, for
 * example because of a permission, keeps its sandboxes, since no other worker took over.
 */
final class UnownedSandboxes {
  private static final Logger log = LoggerFactory.getLogger(UnownedSandboxes.class);

  private final Takeover takeover;
  private final PartitionOwnership ownership;
  private final Function<Set<Integer>, Map<String, LiveSandbox>> liveTable;
  private final Executor threads;
  private final AtomicBoolean underWay = new AtomicBoolean();
  private volatile boolean failed;

  /**
   * Removes nothing until {@link #check} is called.
   *
   * @param threads runs what waits for Kafka
   */
  UnownedSandboxes(
      Takeover takeover,
      PartitionOwnership ownership,
      Function<Set<Integer>, Map<String, LiveSandbox>> liveTable,
      Executor threads) {
    this.takeover = takeover;
    this.ownership = ownership;
    this.liveTable = liveTable;
    this.threads = threads;
  }

  /** Compares what runs here with the live table, unless that is being done. Does not block. */
  void check() {
    Set<Integer> unowned = unowned(takeover.partitions());
    if (!unowned.isEmpty() && underWay.compareAndSet(false, true)) {
      threads.execute(() -> check(unowned));
    }
  }

  private void check(Set<Integer> partitions) {
    try {
      Set<String> live = liveTable.apply(partitions).keySet();
      // What was assigned meanwhile is compared by the takeover.
      var _ = takeover.disown(unowned(partitions), live);
      failed = false;
    } catch (KafkaException e) {
      if (!failed) {
        log.warn(
            "could not read which sandboxes other workers announced lost, will be tried again: {}",
            e.getMessage());
      }
      failed = true;
    } finally {
      underWay.set(false);
    }
  }

  private Set<Integer> unowned(Set<Integer> of) {
    Set<Integer> unowned = new HashSet<>(of);
    unowned.removeIf(ownership::owns);
    return unowned;
  }
}
