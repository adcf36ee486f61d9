/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.CurrentSandbox;
import io.zcbot.sandbox.events.Network;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.RefusedEgress;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.spec.Narrowing;
import io.zcbot.sandbox.worker.spec.Profile;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A running sandbox of this worker, announced ready or about to be. Instants are on the monotonic
 * clock unless they say otherwise. Thread-safe. There is one for each user of a worker, so it is
 * made of few objects.
 */
public final class Sandbox {
  private static final long UNKNOWN = Long.MIN_VALUE;

  /** An instant this far from 1970 fits into nanoseconds; no clock that is set shows another. */
  private static final long MOST_SECONDS = 9_000_000_000L;

  private static final long NANOS = TimeUnit.SECONDS.toNanos(1);

  private final UserId user;
  private final Profile profile;
  private final String containerId;
  private final @Nullable String slotId;

  /** Nanoseconds by the engine's clock, or {@link #UNKNOWN}. */
  private final long containerStartedAt;

  private final long startedAt;
  private final Reservation reservation;
  private volatile long lastActive;
  private volatile int partition;
  private volatile Terms terms = Terms.NONE;
  private volatile @Nullable Network reaches;
  private volatile @Nullable Digest digest;
  private volatile @Nullable Instant announced;
  private volatile @Nullable CurrentSandbox entered;
  private volatile List<RefusedEgress> refused = List.of();
  private volatile boolean stuck;
  private boolean reapPending;
  private @Nullable Instant openedAt;
  private Reaped.@Nullable Use lastUse;

  /** Null until somebody waits for it. */
  private @Nullable CompletableFuture<Void> reservationReleased;

  /**
   * The last use of a sandbox.
   *
   * @param at when, on the monotonic clock
   * @param use what used it; null if not known
   */
  public record LastUse(long at, Reaped.@Nullable Use use) {}

  /**
   * Creates a sandbox, which owns its place from now on.
   *
   * @param profile what it is made of
   * @param container as it was when it was found ready
   */
  public Sandbox(
      UserId user,
      Profile profile,
      Container container,
      int partition,
      long startedAt,
      long lastActive,
      Reservation reservation) {
    this.user = user;
    this.profile = profile;
    this.containerId = container.id();
    this.slotId = container.ourSlot();
    this.containerStartedAt = nanosOf(container.startedAt());
    this.partition = partition;
    this.startedAt = startedAt;
    this.lastActive = lastActive;
    this.reservation = reservation;
  }

  private static long nanosOf(@Nullable Instant instant) {
    return instant == null
        ? UNKNOWN
        : Math.clamp(instant.getEpochSecond(), -MOST_SECONDS, MOST_SECONDS) * NANOS
            + instant.getNano();
  }

  public UserId user() {
    return user;
  }

  /** What it is made of, whatever the operator's file says of that name by now. */
  public Profile profile() {
    return profile;
  }

  public String containerId() {
    return containerId;
  }

  /** The slot that it was made of; null if it was created for its user. */
  public @Nullable String slotId() {
    return slotId;
  }

  /**
   * Frees its place on the host, because the container was killed, even before that is announced.
   */
  public void releaseReservation() {
    reservation.close();
    CompletableFuture<Void> waitedFor;
    synchronized (this) {
      waitedFor = reservationReleased;
    }
    if (waitedFor != null) {
      waitedFor.complete(null);
    }
  }

  /** Completes once its place on the host is free. */
  public synchronized CompletableFuture<Void> reservationReleased() {
    if (reservationReleased == null) {
      reservationReleased = new CompletableFuture<>();
      if (!reservation.isHeld()) {
        reservationReleased.complete(null);
      }
    }
    return reservationReleased;
  }

  /**
   * Whether its container, in this state, runs and was not restarted since it was found ready;
   * after a restart its firewall would not be in force. A listing lacks the time of the start, so
   * only a look at the container shows a restart.
   */
  public boolean runsIn(Container now) {
    return now.isRunning()
        && (now.startedAt() == null || nanosOf(now.startedAt()) == containerStartedAt);
  }

  /** When its container was started, by the engine's clock; null if not known. */
  public @Nullable Instant containerStartedAt() {
    return containerStartedAt == UNKNOWN
        ? null
        : Instant.ofEpochSecond(
            Math.floorDiv(containerStartedAt, NANOS), Math.floorMod(containerStartedAt, NANOS));
  }

  public String containerName() {
    return Container.nameOf(user);
  }

  public int partition() {
    return partition;
  }

  /**
   * Sets the partition: a later ensure may come from another, after the topic got more partitions.
   */
  public void partition(int partition) {
    this.partition = partition;
  }

  public long startedAt() {
    return startedAt;
  }

  public long lastActive() {
    return lastActive;
  }

  public synchronized LastUse lastUse() {
    return new LastUse(lastActive, lastUse);
  }

  /** Notes a use; one that is earlier than the last known use changes nothing. */
  public synchronized void touch(long at, Reaped.Use use) {
    if (at - lastActive >= 0) {
      lastActive = at;
      lastUse = use;
    }
  }

  /** What its user's ensures asked for, or what a previous run announced. */
  public Terms terms() {
    return terms;
  }

  /** How long it may be unused. */
  public Duration idleTtl() {
    return profile.idleTtls().of(terms.idleTtl());
  }

  public void terms(Terms asked) {
    terms = asked;
  }

  /** What it was last let reach; null if that is not known. */
  public @Nullable Network reaches() {
    return reaches;
  }

  public void reaches(@Nullable Network network) {
    reaches = network;
  }

  /** A hash of all that it may reach, by its profile and its terms. */
  public String networkDigest() {
    Network network = terms.network();
    Digest known = digest;
    if (known == null || !known.of.equals(network)) { // each ready has it, and a list may be long
      known =
          new Digest(network, Narrowing.digest(profile.spec().policy().egress(), network.allow()));
      digest = known;
    }
    return known.text;
  }

  private record Digest(Network of, String text) {}

  /**
   * When it was found ready, by the wall clock. The first call sets it; later calls keep it,
   * because the sandbox's age and announcements are counted from there.
   */
  public synchronized Instant openedAt(Instant atFirst) {
    if (openedAt == null) {
      openedAt = atFirst;
    }
    return openedAt;
  }

  /**
   * When this worker announced it ready last, by the wall clock: until then, no other can have
   * announced its end. Null if its ready is not known to be in the log.
   */
  public @Nullable Instant announced() {
    return announced;
  }

  public void announced(Instant at) {
    announced = at;
  }

  /** Its entry in the table of current sandboxes; null if this process made none. */
  @Nullable CurrentSandbox entered() {
    return entered;
  }

  void entered(CurrentSandbox entry) {
    entered = entry;
  }

  /** The connections that it was refused, as its entry in the live table has them. */
  public List<RefusedEgress> refused() {
    return refused;
  }

  public void refused(List<RefusedEgress> last) {
    refused = last;
  }

  /** Whether an earlier attempt to end it failed. */
  public boolean isStuck() {
    return stuck;
  }

  public void stuck() {
    stuck = true;
  }

  /**
   * Claims the right to queue a reap; false if one is queued, since at most one waits in the lane.
   */
  public synchronized boolean claimReap() {
    boolean mayQueue = !reapPending;
    reapPending = true;
    return mayQueue;
  }

  public synchronized boolean isReapPending() {
    return reapPending;
  }

  public synchronized void releaseReap() {
    reapPending = false;
  }
}
