/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What was announced of some containers. Readies are added in the order of their user's partition;
 * the reaped ones come from another topic, at any time.
 */
public final class Announcements {
  private final Map<String, UserId> containers;
  private final Map<UserId, List<String>> byUser;
  private final Map<String, Ready> lastReady = new HashMap<>();
  private final Set<String> reaped = new HashSet<>();
  private final Set<String> superseded = new HashSet<>();
  private final Map<UserId, Instant> forgotten = new HashMap<>();

  /** Nothing was announced of these containers as yet, each with its user. */
  public Announcements(Map<String, UserId> containers) {
    this.containers = Map.copyOf(containers);
    this.byUser =
        containers.entrySet().stream()
            .collect(
                Collectors.groupingBy(
                    Map.Entry::getValue,
                    Collectors.mapping(Map.Entry::getKey, Collectors.toList())));
  }

  /** Whether announcements of this user matter. */
  public boolean concern(UserId user) {
    return byUser.containsKey(user);
  }

  /** A sandbox was announced ready. */
  public void add(Ready ready) {
    if (ready.userId().equals(containers.get(ready.containerId()))) {
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

  /** A sandbox was announced reaped. */
  public void add(Reaped announced) {
    if (announced.userId().equals(containers.get(announced.containerId()))) {
      reaped.add(announced.containerId());
    }
  }

  /** Retention removed what was announced of a user before an instant. */
  public void forgotten(UserId user, Instant before) {
    forgotten.merge(user, before, (one, other) -> one.isAfter(other) ? one : other);
  }

  /** When it was last announced ready; null if it never was. */
  public @Nullable Instant readyAt(String container) {
    Ready ready = lastReady.get(container);
    return ready == null ? null : ready.readyAt();
  }

  /** The idle TTL with which it was last announced ready; null if that is not known. */
  public @Nullable Duration idleTtl(String container) {
    Ready ready = lastReady.get(container);
    return ready == null ? null : ready.environment().idleTtl();
  }

  /** Whether it was announced ready, and its end was not. */
  public boolean isOpen(String container) {
    return lastReady.containsKey(container) && !isReaped(container);
  }

  /** Whether its end was announced. */
  public boolean isReaped(String container) {
    return reaped.contains(container);
  }

  /** Whether another worker served its user with another sandbox later. */
  public boolean isSuperseded(String container) {
    return superseded.contains(container);
  }

  /** Whether its ready, given at this time, may have been removed by retention. */
  public boolean isForgotten(UserId user, Instant opened) {
    Instant before = forgotten.get(user);
    return before != null && opened.isBefore(before);
  }
}
