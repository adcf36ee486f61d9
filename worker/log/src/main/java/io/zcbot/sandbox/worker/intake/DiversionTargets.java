/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.base.Time;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;

/**
 * How much is on its way to each partition that records are diverted to. Partitions that take
 * nothing would fill the bound on all, and stop reading for everybody. So what waits for those is
 * told from what arrives in a moment. Thread-safe.
 */
final class DiversionTargets {
  /** On its way to all partitions. More is allowed only if nothing of it is about to arrive. */
  static final long MOST = 4L << 20;

  /** On its way to one partition. */
  static final long SHARE = MOST / 4;

  /** For how long nothing arrives where nothing will soon; a leader is elected in less. */
  static final Duration PATIENCE = Duration.ofSeconds(15);

  private final Time time;
  private final Map<TopicPartition, Target> targets = new HashMap<>();
  private long bytes;

  private static final class Target {
    private long bytes;

    /** When the last of its records arrived, or else when its share was full. */
    private long progress;
  }

  DiversionTargets(Time time) {
    this.time = time;
  }

  /** A record is on its way from now on. */
  synchronized void add(TopicPartition to, long size) {
    bytes += size;
    Target target = targets.computeIfAbsent(to, _ -> new Target());
    if (target.bytes == 0 || (target.bytes < SHARE && target.bytes + size >= SHARE)) {
      target.progress = time.nanos(); // what came before may have waited for long, but alone
    }
    target.bytes += size;
  }

  /** Records of this size in total are not on their way any more. */
  synchronized void remove(TopicPartition to, long size) {
    Target target = targets.get(to);
    if (target == null) {
      throw new IllegalStateException("nothing is on its way to " + to);
    }
    bytes -= size;
    target.bytes -= size;
    target.progress = time.nanos();
    if (target.bytes == 0) {
      targets.remove(to);
    }
  }

  /** How much is on its way, to all partitions. */
  synchronized long bytes() {
    return bytes;
  }

  /** Whether reading should pause, because there will be room in a moment. */
  synchronized boolean isFull() {
    return targets.values().stream().anyMatch(target -> isCrowded(target) && !isStill(target));
  }

  /** Whether there is no room for more to this partition, nor will be soon. */
  synchronized boolean isStuck(TopicPartition to) {
    Target target = targets.get(to);
    return target != null && isCrowded(target) && isStill(target);
  }

  private boolean isCrowded(Target target) {
    return target.bytes >= SHARE || bytes >= MOST;
  }

  private boolean isStill(Target target) {
    return time.nanos() - target.progress >= PATIENCE.toNanos();
  }
}
