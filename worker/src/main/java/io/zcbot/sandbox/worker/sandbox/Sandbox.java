/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * A running sandbox of this worker, announced ready or about to be. All instants are on the
 * monotonic clock.
 */
public final class Sandbox {
  private final UserId user;
  private final String containerId;
  private final @Nullable String slotId;
  private final long startedAt;
  private final AtomicLong lastActive;
  private final AtomicBoolean reapPending = new AtomicBoolean();
  private final Place place;
  private volatile int partition;

  /** A sandbox that owns its place from now on. */
  public Sandbox(
      UserId user,
      String containerId,
      @Nullable String slotId,
      int partition,
      long startedAt,
      long lastActive,
      Place place) {
    this.user = user;
    this.containerId = containerId;
    this.slotId = slotId;
    this.partition = partition;
    this.startedAt = startedAt;
    this.lastActive = new AtomicLong(lastActive);
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
  }

  Place place() {
    return place;
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
    return lastActive.get();
  }

  /** Notes use at an instant; one earlier than what is known changes nothing. */
  public void touch(long at) {
    lastActive.accumulateAndGet(at, (known, seen) -> seen - known > 0 ? seen : known);
  }

  /** At most one reap waits in the lane; true for who may queue it. */
  public boolean claimReap() {
    return reapPending.compareAndSet(false, true);
  }

  public void releaseReap() {
    reapPending.set(false);
  }
}
