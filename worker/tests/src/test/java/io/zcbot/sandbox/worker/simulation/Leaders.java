/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.SplittableRandom;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * Which of three brokers leads a partition. In one of three histories, brokers fail: the partitions
 * that they led are unreachable until other leaders are elected, and once more, for an instant,
 * when leadership returns. Or a worker can't reach one of the brokers, and so a third of each
 * topic.
 */
final class Leaders {
  private static final int BROKERS = 3;

  private final ModelBroker broker;
  private final Judge judge;
  private final List<SimulatedHost> hosts;
  private final Misfortunes.Story story;

  /**
   * Separate from the machine's random numbers, so that histories without changes of leaders stay
   * the same.
   */
  private final Random random;

  private final boolean used;
  private final Set<Integer> down = new HashSet<>();
  private final Set<Integer> replaced = new HashSet<>();
  private final Map<Machine.Process, Integer> cut = new HashMap<>();
  private final Set<TopicPartition> lost = new HashSet<>();
  private boolean over;

  Leaders(
      ModelBroker broker,
      Judge judge,
      List<SimulatedHost> hosts,
      long seed,
      Misfortunes.Story story) {
    this.broker = broker;
    this.judge = judge;
    this.hosts = hosts;
    this.story = story;
    this.random = new Random(new SplittableRandom(seed ^ 0x1EADE25L).nextLong());
    this.used = seed % 3 == 0;
  }

  /** Leaders change only after this call. */
  void begin() {
    if (used) {
      next();
    }
  }

  /** From now on, only recoveries happen. */
  void end() {
    over = true;
  }

  /**
   * Whether a process reaches the leader of a partition; null means agents, who are never cut off.
   */
  boolean reaches(Machine.@Nullable Process process, TopicPartition partition) {
    int leader = Math.floorMod(partition.hashCode(), BROKERS);
    if (replaced.contains(leader)) {
      leader = (leader + 1) % BROKERS;
    }
    return !down.contains(leader)
        && !lost.contains(partition)
        && !Integer.valueOf(leader).equals(cut.get(process));
  }

  /** Leaves a partition without a leader until its leader is back. */
  void lose(TopicPartition partition) {
    story.tell("nobody leads " + partition);
    judge.disturbed();
    lost.add(partition);
  }

  void bringBack() {
    story.tell("all partitions have leaders");
    lost.clear();
    broker.news();
  }

  private void next() {
    after(
        1000 + random.nextInt(20_000),
        () -> {
          if (over) {
            return;
          }
          if (random.nextInt(3) == 0) {
            cutOff(hosts.get(random.nextInt(hosts.size())), random.nextInt(BROKERS));
          } else {
            fail(random.nextInt(BROKERS));
          }
          next();
        });
  }

  private void fail(int id) {
    if (!down.isEmpty() || !replaced.isEmpty()) {
      return; // or nobody would be left to lead
    }
    judge.disturbed();
    int election = 100 + random.nextInt(8000);
    story.tell("broker " + id + " fails; others lead after " + election + " ms");
    down.add(id);
    after(
        election,
        () -> {
          down.remove(id);
          replaced.add(id);
          broker.news();
        });
    after(
        election + 1000 + random.nextInt(15_000),
        () -> {
          story.tell("broker " + id + " leads again");
          replaced.remove(id);
          down.add(id);
          after(
              random.nextInt(500),
              () -> {
                down.remove(id);
                broker.news();
              });
        });
  }

  private void cutOff(SimulatedHost host, int id) {
    Machine.Process process = host.process;
    if (process == null || !host.isUp()) {
      return;
    }
    judge.disturbed();
    int length = 500 + random.nextInt(25_000);
    story.tell(host.name + " does not reach broker " + id + " for " + length + " ms");
    cut.put(process, id);
    after(
        length,
        () -> {
          cut.remove(process);
          broker.news();
        });
  }

  private void after(int millis, Runnable what) {
    broker.machine.outside().after(Duration.ofMillis(millis), what);
  }
}
