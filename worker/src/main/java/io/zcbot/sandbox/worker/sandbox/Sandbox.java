/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * A running sandbox of this worker, announced ready or about to be. All instants are on the
 * monotonic clock.
 */
public final class Sandbox {
  private final UserId user;
  private final String containerId;
  private final @Nullable String slotId;
  private final @Nullable Instant containerStartedAt;
  private final long startedAt;
  private final Place place;
  private final CompletableFuture<Void> placeFreed = new CompletableFuture<>();
  private volatile LastUse lastUse;
  private volatile int partition;
  private volatile @Nullable Duration idleTtl;
  private volatile boolean entered;
  private volatile boolean stuck;
  private boolean reapPending;
  private @Nullable Instant openedAt;

  /**
   * When it was last in use, on the monotonic clock.
   *
   * @param use what held it in use; null if nobody knows any more
   */
  public record LastUse(long at, Reaped.@Nullable Use use) {}

  /**
   * A sandbox that owns its place from now on.
   *
   * @param container as it was when it was found ready
   */
  public Sandbox(
      UserId user,
      Container container,
      int partition,
      long startedAt,
      long lastActive,
      Place place) {
    this.user = user;
    this.containerId = container.id();
    this.slotId = container.ourSlot();
    this.containerStartedAt = container.startedAt();
    this.partition = partition;
    this.startedAt = startedAt;
    this.lastUse = new LastUse(lastActive, null);
    this.place = place;
  }

  public UserId user() {
    return user;
  }

  public String containerId() {
    return containerId;
  }

  /** The slot it was made of; null if it was made for its user. */
  public @Nullable String slotId() {
    return slotId;
  }

  /** The container was killed: others may have its place on the host, even before that is told. */
  public void freePlace() {
    place.close();
    placeFreed.complete(null);
  }

  /** Completes once others may have its place on the host. */
  public CompletableFuture<Void> placeFreed() {
    return placeFreed;
  }

  /**
   * Whether its container, as it is now, runs and was not started again since it was found ready:
   * its firewall would not be in force then. Only a look at the container itself tells of a start,
   * a listing does not.
   */
  public boolean runsIn(Container now) {
    return now.isRunning()
        && (now.startedAt() == null || now.startedAt().equals(containerStartedAt));
  }

  public String containerName() {
    return Container.nameOf(user);
  }

  public int partition() {
    return partition;
  }

  /** A later ensure can come by another partition, after the topic was widened. */
  public void partition(int partition) {
    this.partition = partition;
  }

  public long startedAt() {
    return startedAt;
  }

  public long lastActive() {
    return lastUse.at();
  }

  public LastUse lastUse() {
    return lastUse;
  }

  /** Notes use at an instant; one earlier than what is known changes nothing. */
  public synchronized void touch(long at, Reaped.Use use) {
    if (at - lastActive() >= 0) {
      lastUse = new LastUse(at, use);
    }
  }

  /**
   * The idle TTL that its user's last ensure asked for, or was told by a previous run; null if it
   * left that to the worker.
   */
  public @Nullable Duration idleTtl() {
    return idleTtl;
  }

  public void idleTtl(@Nullable Duration asked) {
    idleTtl = asked;
  }

  /**
   * When it was found ready, by the clock on the wall. It stays what it was said to be first,
   * because its age and its announcements are counted from there.
   */
  public synchronized Instant openedAt(Instant atFirst) {
    if (openedAt == null) {
      openedAt = atFirst;
    }
    return openedAt;
  }

  /** Whether this process entered it in the table of current sandboxes. */
  public boolean isEntered() {
    return entered;
  }

  public void entered() {
    entered = true;
  }

  /** Whether the engine failed to end it before. */
  public boolean isStuck() {
    return stuck;
  }

  public void stuck() {
    stuck = true;
  }

  /** At most one reap waits in the lane; true for who may queue it. */
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
