/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.Network;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How to ask for a sandbox. Immutable.
 *
 * @param deadline how long to wait for the sandbox; the request expires then
 * @param idleTtl how long the sandbox may be unused before it is reaped, until the user's next
 *     ensure; truncated to whole seconds, and within the operator's bounds; if null, the workers'
 *     default applies
 * @param labels what the sandbox is labelled with from now on, instead of its labels so far; if
 *     null, it keeps them. At most 128, whose keys are 1 to 128 printable characters long, and
 *     which take 4096 bytes at most, keys and values together
 * @param endsAt when the sandbox ends, even if it is in use; if null, it keeps its end
 * @param profile the name of the profile of which the sandbox is made; if null, that of the sandbox
 *     that runs, and the default if none does
 * @param replace whether a sandbox of another profile in which commands run is replaced; if false,
 *     the ensure is refused then. One in which none runs is replaced in any case
 * @param network what the sandbox may reach of what its profile allows by name; if null, that
 *     stays, and is all for a new sandbox
 */
public record EnsureOptions(
    Duration deadline,
    @Nullable Duration idleTtl,
    @Nullable Map<String, String> labels,
    @Nullable Instant endsAt,
    @Nullable String profile,
    boolean replace,
    @Nullable Network network) {
  /** A deadline of 60 s and the workers' default idle TTL; labels and end stay. */
  public static final EnsureOptions DEFAULT = new EnsureOptions(Duration.ofSeconds(60), null);

  /**
   * Checks the deadline.
   *
   * @throws InvalidRequestException if the deadline is not positive, or longer than 100 years
   */
  public EnsureOptions {
    Deadline.requirePositive("deadline", deadline);
    labels = labels == null ? null : Map.copyOf(labels);
  }

  /**
   * Creates options that keep what the sandbox may reach.
   *
   * @throws InvalidRequestException if the deadline is not positive, or longer than 100 years
   */
  public EnsureOptions(
      Duration deadline,
      @Nullable Duration idleTtl,
      @Nullable Map<String, String> labels,
      @Nullable Instant endsAt,
      @Nullable String profile,
      boolean replace) {
    this(deadline, idleTtl, labels, endsAt, profile, replace, null);
  }

  /**
   * Creates options for a sandbox of any profile.
   *
   * @throws InvalidRequestException if the deadline is not positive, or longer than 100 years
   */
  public EnsureOptions(
      Duration deadline,
      @Nullable Duration idleTtl,
      @Nullable Map<String, String> labels,
      @Nullable Instant endsAt) {
    this(deadline, idleTtl, labels, endsAt, null, false, null);
  }

  /**
   * Creates options that keep the sandbox's labels and end.
   *
   * @throws InvalidRequestException if the deadline is not positive, or longer than 100 years
   */
  public EnsureOptions(Duration deadline, @Nullable Duration idleTtl) {
    this(deadline, idleTtl, null, null);
  }

  /**
   * Returns these options with another deadline.
   *
   * @throws InvalidRequestException if the deadline is not positive, or longer than 100 years
   */
  public EnsureOptions within(Duration deadline) {
    return new EnsureOptions(deadline, idleTtl, labels, endsAt, profile, replace, network);
  }

  /** Returns these options with another idle TTL. */
  public EnsureOptions withIdleTtl(Duration idleTtl) {
    return new EnsureOptions(deadline, idleTtl, labels, endsAt, profile, replace, network);
  }

  /** Returns these options with labels; an empty map removes those of the sandbox. */
  public EnsureOptions withLabels(Map<String, String> labels) {
    return new EnsureOptions(deadline, idleTtl, labels, endsAt, profile, replace, network);
  }

  /** Returns these options with an end. */
  public EnsureOptions withEndsAt(Instant endsAt) {
    return new EnsureOptions(deadline, idleTtl, labels, endsAt, profile, replace, network);
  }

  /**
   * Returns these options with a profile. Without one, the sandbox that runs is taken, whatever it
   * is made of.
   */
  public EnsureOptions withProfile(String profile) {
    return new EnsureOptions(deadline, idleTtl, labels, endsAt, profile, replace, network);
  }

  /**
   * Returns these options so that a sandbox of another profile is replaced even if it is in use.
   */
  public EnsureOptions replacing() {
    return new EnsureOptions(deadline, idleTtl, labels, endsAt, profile, true, network);
  }

  /**
   * Returns these options with what the sandbox may reach: some of what its profile allows by name,
   * or {@link Network#WHOLE}.
   */
  public EnsureOptions withNetwork(Network network) {
    return new EnsureOptions(deadline, idleTtl, labels, endsAt, profile, replace, network);
  }
}
