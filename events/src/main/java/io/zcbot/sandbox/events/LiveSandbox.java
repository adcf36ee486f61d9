/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * An entry of the live table: a sandbox that was, or is about to be, announced ready and was not
 * announced reaped yet. It is state, not an event. The compacted {@link Topic#LIVE} keeps one
 * record for each container, and none once the container is reaped.
 *
 * @param openedAt when the sandbox was found ready
 * @param idleTtl the idle TTL of the user's last ensure, truncated to whole seconds; null if the
 *     ensure left it to the worker
 * @param startedAt when the container was started, by the engine's clock; null in entries of
 *     earlier versions
 * @param labels of the sandbox
 * @param endsAt when the sandbox ends, even if it is in use; null if no ensure said that
 * @param profile what the sandbox is made of, by its {@link ProfileName}
 * @param network what the sandbox may reach of what its profile allows by name
 * @param refused the last connections that its egress by name refused, oldest first
 */
public record LiveSandbox(
    UserId userId,
    String containerId,
    String host,
    String workerId,
    Instant openedAt,
    @Nullable Duration idleTtl,
    @Nullable Instant startedAt,
    Map<String, String> labels,
    @Nullable Instant endsAt,
    String profile,
    Network network,
    List<RefusedEgress> refused) {
  public LiveSandbox {
    idleTtl = idleTtl == null ? null : idleTtl.truncatedTo(ChronoUnit.SECONDS);
    labels = Map.copyOf(labels);
    refused = List.copyOf(refused);
  }

  /** Creates an entry of a sandbox with the network of its profile, that was refused nothing. */
  public LiveSandbox(
      UserId userId,
      String containerId,
      String host,
      String workerId,
      Instant openedAt,
      @Nullable Duration idleTtl,
      @Nullable Instant startedAt,
      Map<String, String> labels,
      @Nullable Instant endsAt,
      String profile) {
    this(
        userId,
        containerId,
        host,
        workerId,
        openedAt,
        idleTtl,
        startedAt,
        labels,
        endsAt,
        profile,
        Network.WHOLE,
        List.of());
  }

  /** Creates an entry of a sandbox of the default profile. */
  public LiveSandbox(
      UserId userId,
      String containerId,
      String host,
      String workerId,
      Instant openedAt,
      @Nullable Duration idleTtl,
      @Nullable Instant startedAt,
      Map<String, String> labels,
      @Nullable Instant endsAt) {
    this(
        userId,
        containerId,
        host,
        workerId,
        openedAt,
        idleTtl,
        startedAt,
        labels,
        endsAt,
        ProfileName.DEFAULT);
  }

  /** Creates an entry without labels and without an end. */
  public LiveSandbox(
      UserId userId,
      String containerId,
      String host,
      String workerId,
      Instant openedAt,
      @Nullable Duration idleTtl,
      @Nullable Instant startedAt) {
    this(userId, containerId, host, workerId, openedAt, idleTtl, startedAt, Map.of(), null);
  }

  /** Creates an entry with the worker's default idle TTL, which does not tell the start. */
  public LiveSandbox(
      UserId userId, String containerId, String host, String workerId, Instant openedAt) {
    this(userId, containerId, host, workerId, openedAt, null, null);
  }
}
