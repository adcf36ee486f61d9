/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SplittableRandom;

/**
 * In one of nine histories, the thread that polls for a member of the group stalls at times, like a
 * thread that waits for a full disk or a lock. The rest of its process continues, and so does the
 * thread that sends the member's heartbeats, until {@code max.poll.interval.ms} has passed. Then
 * that thread leaves the group, which the polling thread learns when it polls again.
 */
final class Stalls {
  /** A minute in a real worker: longer than a lease, and than a call of the consumer. */
  private static final Duration LONGEST_POLL_GAP = Duration.ofSeconds(8);

  private static final int LONGEST_MS = 28_000;

  private final ModelBroker broker;
  private final Judge judge;
  private final List<SimulatedHost> hosts;
  private final Misfortunes.Story story;

  /** Separate from the machine's random numbers, so that histories without stalls stay the same. */
  private final Random random;

  private final boolean used;
  private final Map<Machine.Process, Long> until = new HashMap<>();
  private boolean over;

  Stalls(
      ModelBroker broker,
      Judge judge,
      List<SimulatedHost> hosts,
      long seed,
      Misfortunes.Story story) {
    this.broker = broker;
    this.judge = judge;
    this.hosts = hosts;
    this.story = story;
    this.random = new Random(new SplittableRandom(seed ^ 0x57A11L).nextLong());
    this.used = seed % 9 == 7;
  }

  /** Threads stall only after this call. */
  void begin() {
    if (used) {
      next();
    }
  }

  /** No other thread stalls from now on. */
  void end() {
    over = true;
  }

  private void next() {
    broker
        .machine
        .outside()
        .after(
            Duration.ofMillis(1000 + random.nextInt(30_000)),
            () -> {
              if (!over) {
                stall(hosts.get(random.nextInt(hosts.size())));
                next();
              }
            });
  }

  private void stall(SimulatedHost host) {
    Machine.Process process = host.process;
    if (process != null && host.isUp()) {
      judge.disturbed();
      int length = 2000 + random.nextInt(LONGEST_MS - 2000);
      story.tell("the polling thread of " + host.name + " stands still for " + length + " ms");
      until.put(process, broker.machine.nanos() + Duration.ofMillis(length).toNanos());
    }
  }

  /** Returns once the polling thread of a process continues; called in that thread. */
  void await(Machine.Process process) {
    long left = until.getOrDefault(process, 0L) - broker.machine.nanos();
    if (left > 0) {
      broker.sleep(Duration.ofNanos(left));
    }
  }

  /** Whether a member must leave the group, because its thread last polled at that time. */
  boolean isOverdue(long polled) {
    return used && broker.machine.nanos() - polled > LONGEST_POLL_GAP.toNanos();
  }
}
