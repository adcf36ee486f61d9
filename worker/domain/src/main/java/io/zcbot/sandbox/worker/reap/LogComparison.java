/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.sandbox.Announcements;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.SandboxLog;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/**
 * Compares what runs here with what the log says about the users of some partitions.
 *
 * <p>The live table alone decides nothing: anybody may have written to it, or deleted and recreated
 * it. The engine tells what runs here. Announcements tell that another worker took a user over, and
 * that a sandbox ran elsewhere at all.
 */
public final class LogComparison {
  private final Registry registry;
  private final SandboxLog log;
  private final Time time;
  private final String workerId;

  public LogComparison(Registry registry, SandboxLog log, Time time, String workerId) {
    this.registry = registry;
    this.log = log;
    this.time = time;
    this.workerId = workerId;
  }

  /**
   * The differences.
   *
   * @param unlisted run here, but have no entry
   * @param taken run here, but other workers announced their end
   * @param superseded run here, but other workers served their users with other sandboxes
   * @param lost ran elsewhere, and their end was not announced
   * @param obsolete entries of sandboxes that were announced reaped, or never ready
   * @param isComplete whether that is all; if not, act on it and compare again
   */
  public record Differences(
      List<Sandbox> unlisted,
      List<Sandbox> taken,
      List<Sandbox> superseded,
      List<LiveSandbox> lost,
      List<LiveSandbox> obsolete,
      boolean isComplete) {}

  /** The partitions whose users have a sandbox here. */
  public Set<Integer> partitions() {
    return registry.partitions();
  }

  /**
   * Reads the log and compares. Sandboxes that are created after this began are in no difference.
   * Blocks for Kafka.
   *
   * @param elsewhere whether to look for sandboxes that don't run here
   */
  public Differences of(Set<Integer> partitions, boolean elsewhere) {
    return compare(partitions, elsewhere, elsewhere);
  }

  /**
   * As {@link #of}.
   *
   * @param doubtful whether other workers may have announced the end of sandboxes that run here and
   *     still have their entries, and no lane writes and removes entries meanwhile
   */
  private Differences compare(Set<Integer> partitions, boolean elsewhere, boolean doubtful) {
    Map<String, Sandbox> running = new HashMap<>();
    for (Sandbox sandbox : registry.all()) {
      if (partitions.contains(sandbox.partition())) {
        running.put(sandbox.containerId(), sandbox);
      }
    }
    SandboxLog.Entries entries = log.live(partitions, users(running), elsewhere);
    Map<Sandbox, Instant> listed = new HashMap<>();
    for (Sandbox sandbox : running.values()) {
      Instant announced = sandbox.announced();
      if (announced != null && doubtful && entries.running().containsKey(sandbox.containerId())) {
        listed.put(sandbox, announced);
      }
    }
    running.keySet().removeAll(entries.running().keySet());
    Map<String, UserId> unclear = users(running);
    Instant since = time.now();
    for (Sandbox sandbox : running.values()) {
      since = earlier(since, opened(sandbox));
    }
    for (Map.Entry<Sandbox, Instant> each : listed.entrySet()) {
      unclear.put(each.getKey().containerId(), each.getKey().user());
      since = earlier(since, each.getValue());
    }
    for (LiveSandbox entry : entries.others()) {
      unclear.put(entry.containerId(), entry.userId());
      since = earlier(since, entry.openedAt());
    }
    Announcements announced =
        unclear.isEmpty() ? new Announcements(unclear) : log.announced(partitions, unclear, since);
    List<LiveSandbox> others =
        entries.others().stream()
            .filter(
                entry ->
                    doubtful
                        || !entry.workerId().equals(workerId)
                        || announced.isReaped(entry.containerId()))
            .toList();
    return differences(running.values(), listed.keySet(), others, announced, entries.isComplete());
  }

  /**
   * Compares once more, while the partitions' users are served. A former owner's last entries can
   * come into sight after the partitions were taken over. Of this worker's own entries, which lanes
   * write and remove meanwhile, only those of sandboxes that were announced reaped are in a
   * difference: they stay if this worker was not sure then that it owns the user. Blocks for Kafka.
   */
  public Differences again(Set<Integer> partitions) {
    return compare(partitions, true, false);
  }

  /** The differences of one partition's users, so that they wait for no others. */
  public Differences ofPartition(int partition, Differences all) {
    Predicate<Sandbox> sandboxes = sandbox -> sandbox.partition() == partition;
    Predicate<LiveSandbox> entries = entry -> partitionOf(entry.userId()) == partition;
    return new Differences(
        all.unlisted().stream().filter(sandboxes).toList(),
        all.taken().stream().filter(sandboxes).toList(),
        all.superseded().stream().filter(sandboxes).toList(),
        all.lost().stream().filter(entries).toList(),
        all.obsolete().stream().filter(entries).toList(),
        all.isComplete());
  }

  /** The partition of a user's records. */
  public int partitionOf(UserId user) {
    return log.partitionOf(user);
  }

  private static Differences differences(
      Iterable<Sandbox> missing,
      Iterable<Sandbox> listed,
      List<LiveSandbox> others,
      Announcements announced,
      boolean isComplete) {
    List<Sandbox> unlisted = new ArrayList<>();
    List<Sandbox> taken = new ArrayList<>();
    List<Sandbox> superseded = new ArrayList<>();
    for (Sandbox sandbox : missing) {
      String id = sandbox.containerId();
      (announced.isReaped(id) ? taken : announced.isSuperseded(id) ? superseded : unlisted)
          .add(sandbox);
    }
    for (Sandbox sandbox : listed) {
      if (announced.isReaped(sandbox.containerId())) {
        taken.add(sandbox);
      }
    }
    List<LiveSandbox> lost = new ArrayList<>();
    List<LiveSandbox> obsolete = new ArrayList<>();
    for (LiveSandbox entry : others) {
      String id = entry.containerId();
      boolean ran =
          announced.readyAt(id) != null || announced.isForgotten(entry.userId(), entry.openedAt());
      (ran && !announced.isReaped(id) ? lost : obsolete).add(entry);
    }
    return new Differences(unlisted, taken, superseded, lost, obsolete, isComplete);
  }

  private static Map<String, UserId> users(Map<String, Sandbox> sandboxes) {
    Map<String, UserId> users = new HashMap<>();
    sandboxes.forEach((id, sandbox) -> users.put(id, sandbox.user()));
    return users;
  }

  /**
   * When a sandbox was found ready, or before. The wall clock may have been set back since. The
   * monotonic clock may have stood still, while the machine slept.
   */
  private Instant opened(Sandbox sandbox) {
    Instant byAge = time.now().minus(Duration.ofNanos(time.nanos() - sandbox.startedAt()));
    return earlier(byAge, sandbox.openedAt(byAge));
  }

  private static Instant earlier(Instant one, Instant other) {
    return one.isBefore(other) ? one : other;
  }
}
