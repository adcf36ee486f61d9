/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What was announced about some containers. Ready events must be added in the order of their user's
 * partition; reaped events come from another topic and may be added at any time. Not thread-safe.
 */
public final class Announcements {
  private final Map<String, UserId> containers;
  private final Map<UserId, List<String>> byUser;
  private final Map<String, Instant> firstReady = new HashMap<>();
  private final Map<String, Ready> lastReady = new HashMap<>();
  private final Set<String> reaped = new HashSet<>();
  private final Set<String> superseded = new HashSet<>();
  private final Map<UserId, Instant> forgotten = new HashMap<>();

  /** Starts with no announcements about these containers, each with its user. */
  public Announcements(Map<String, UserId> containers) {
    this.containers = Map.copyOf(containers);
    this.byUser =
        containers.entrySet().stream()
            .collect(
                Collectors.groupingBy(
                    Map.Entry::getValue,
                    Collectors.mapping(Map.Entry::getKey, Collectors.toList())));
  }

  /** Whether announcements about this user matter. */
  public boolean concern(UserId user) {
    return byUser.containsKey(user);
  }

  /** Adds a ready event. */
  public void add(Ready ready) {
    if (ready.userId().equals(containers.get(ready.containerId()))) {
      firstReady.putIfAbsent(ready.containerId(), ready.readyAt());
      lastReady.put(ready.containerId(), ready);
    }
    for (String container : byUser.getOrDefault(ready.userId(), List.of())) {
      Ready own = lastReady.get(container);
      if (own != null
          && !container.equals(ready.containerId())
          && !own.workerId().equals(ready.workerId())) {
        superseded.add(container);
      }
    }
  }

  /** Adds a reaped event. */
  public void add(Reaped announced) {
    if (announced.userId().equals(containers.get(announced.containerId()))) {
      reaped.add(announced.containerId());
    }
  }

  /** Notes that retention removed what was announced about a user before an instant. */
  public void forgotten(UserId user, Instant before) {
    forgotten.merge(user, before, (one, other) -> one.isAfter(other) ? one : other);
  }

  /** When a container was first announced ready, as far as that was read; null if never. */
  public @Nullable Instant firstReadyAt(String container) {
    return firstReady.get(container);
  }

  /** When a container was last announced ready; null if never. */
  public @Nullable Instant readyAt(String container) {
    Ready ready = lastReady.get(container);
    return ready == null ? null : ready.readyAt();
  }

  /** The terms with which a container was last announced ready; null if never. */
  public @Nullable Terms terms(String container) {
    Ready ready = lastReady.get(container);
    return ready == null ? null : Terms.of(ready);
  }

  /** Whether a container was announced ready, and its end was not. */
  public boolean isOpen(String container) {
    return lastReady.containsKey(container) && !isReaped(container);
  }

  /** Whether a container's end was announced. */
  public boolean isReaped(String container) {
    return reaped.contains(container);
  }

  /** Whether another worker later announced another sandbox for the container's user. */
  public boolean isSuperseded(String container) {
    return superseded.contains(container);
  }

  /** Whether retention may have removed a ready event of this time. */
  public boolean isForgotten(UserId user, Instant opened) {
    Instant before = forgotten.get(user);
    return before != null && opened.isBefore(before);
  }
}
