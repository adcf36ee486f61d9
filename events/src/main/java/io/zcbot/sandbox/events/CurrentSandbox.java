/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * An entry of the table of current sandboxes: the user's sandbox that was last announced ready and
 * is not reaped. The compacted {@link Topic#CURRENT} keeps one record for each user, and none once
 * the sandbox is reaped.
 *
 * @param readyId the {@code event_id} of the {@link Ready} that announced the sandbox, or its last
 *     change of labels, end or network
 * @param readyAt when that was announced
 * @param labels of the sandbox
 * @param endsAt when the sandbox ends, even if it is in use; null if no ensure said that
 * @param profile what the sandbox is made of, by its {@link ProfileName}
 * @param network what the sandbox may reach of what its profile allows by name
 * @param networkDigest a hash of all that it may reach, as in {@link Ready}
 */
public record CurrentSandbox(
    String readyId,
    UserId userId,
    Instant readyAt,
    ContainerRef container,
    Map<String, String> labels,
    @Nullable Instant endsAt,
    String profile,
    Network network,
    @Nullable String networkDigest) {
  public CurrentSandbox {
    labels = Map.copyOf(labels);
  }

  /** Creates an entry of a sandbox that may reach all that its profile allows. */
  public CurrentSandbox(
      String readyId,
      UserId userId,
      Instant readyAt,
      ContainerRef container,
      Map<String, String> labels,
      @Nullable Instant endsAt,
      String profile) {
    this(readyId, userId, readyAt, container, labels, endsAt, profile, Network.WHOLE, null);
  }

  /** Creates an entry of a sandbox of the default profile. */
  public CurrentSandbox(
      String readyId,
      UserId userId,
      Instant readyAt,
      ContainerRef container,
      Map<String, String> labels,
      @Nullable Instant endsAt) {
    this(readyId, userId, readyAt, container, labels, endsAt, ProfileName.DEFAULT);
  }

  /** Creates an entry of a sandbox without labels and without an end. */
  public CurrentSandbox(String readyId, UserId userId, Instant readyAt, ContainerRef container) {
    this(readyId, userId, readyAt, container, Map.of(), null);
  }

  /** Returns the entry for the sandbox that an event announces. */
  public static CurrentSandbox of(Ready ready) {
    return new CurrentSandbox(
        ready.eventId(),
        ready.userId(),
        ready.readyAt(),
        ready.container(),
        ready.labels(),
        ready.endsAt(),
        ready.profile(),
        ready.network(),
        ready.networkDigest());
  }
}
