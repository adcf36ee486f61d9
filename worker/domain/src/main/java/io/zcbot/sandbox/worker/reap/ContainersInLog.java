/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.Announcements;
import io.zcbot.sandbox.worker.sandbox.SandboxLog;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * What the topics say about containers that a worker left on the engine. Containers without a user
 * are not in the log. The calls block, and throw what the Kafka client throws.
 */
public record ContainersInLog(Engine engine, SandboxLog log) {
  /**
   * Returns the ids of those that are announced and not ended: whose end is to be announced. That
   * of others was announced already, for example by the worker that serves the user now, or they
   * were never announced.
   */
  public Set<String> announced(List<Container> containers) throws EngineException {
    Set<String> announced = new HashSet<>(listed(containers).keySet());
    List<Container> unlisted =
        containers.stream().filter(each -> !announced.contains(each.id())).toList();
    // They may have been announced when there were fewer partitions.
    Announcements said = announcements(unlisted, partitions(), Map.of());
    unlisted.stream().map(Container::id).filter(said::isOpen).forEach(announced::add);
    return announced;
  }

  /** Returns their entries in the live table, by container id. */
  Map<String, LiveSandbox> listed(List<Container> containers) {
    Map<String, UserId> users = users(containers);
    return users.isEmpty() ? Map.of() : log.live(partitionsOf(users), users, false).running();
  }

  /** Reads what was announced in the partitions in which their users' records lie now. */
  Announcements announcedInUsersPartitions(
      List<Container> containers, Map<String, LiveSandbox> listed) throws EngineException {
    return announcements(containers, partitionsOf(users(containers)), listed);
  }

  /**
   * Reads announcements since the first container was started, which a listing lacks, or found
   * ready, which is by another clock.
   */
  private Announcements announcements(
      List<Container> containers, Set<Integer> partitions, Map<String, LiveSandbox> listed)
      throws EngineException {
    Instant since = null;
    for (Container container : containers) {
      since = earlier(since, engine.find(container.id()).orElse(container).startedAt());
      LiveSandbox entry = listed.get(container.id());
      since = earlier(since, entry == null ? null : entry.openedAt());
    }
    Map<String, UserId> users = users(containers);
    if (since == null || users.isEmpty()) {
      return new Announcements(users); // none ever ran for a user
    }
    return log.announced(partitions, users, since);
  }

  private static @Nullable Instant earlier(@Nullable Instant one, @Nullable Instant other) {
    return one == null || (other != null && other.isBefore(one)) ? other : one;
  }

  private static Map<String, UserId> users(List<Container> containers) {
    Map<String, UserId> users = new HashMap<>();
    for (Container container : containers) {
      UserId user = container.user();
      if (user != null) {
        users.put(container.id(), user);
      }
    }
    return users;
  }

  private Set<Integer> partitionsOf(Map<String, UserId> users) {
    return users.values().stream().map(log::partitionOf).collect(Collectors.toSet());
  }

  private Set<Integer> partitions() {
    return IntStream.range(0, log.partitions()).boxed().collect(Collectors.toSet());
  }
}
