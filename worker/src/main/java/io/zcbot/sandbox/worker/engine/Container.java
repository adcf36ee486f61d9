/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.engine;

import io.zcbot.sandbox.events.UserId;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A container as the engine describes it.
 *
 * @param name without a leading slash
 * @param owner whose it is by its labels; null for one that is no sandbox at all
 * @param specHash value of its spec label; null if it has none, or was seen to be made otherwise
 * @param startedAt when it was last started, if ever
 * @param exitCode of its first process, meaningful when it no longer runs; a listing may lack it
 * @param oomKilled whether the OOM killer hit it; alone no sign of death
 * @param slot the warm slot it was made as; null for one made for its user
 */
public record Container(
    String id,
    String name,
    State state,
    @Nullable Owner owner,
    @Nullable String specHash,
    @Nullable Instant startedAt,
    @Nullable Integer exitCode,
    boolean oomKilled,
    @Nullable Slot slot) {
  /** The prefix of every sandbox's name; the user's id follows. */
  public static final String NAME_PREFIX = "zcbot-sandbox-";

  /** The prefix of a parked slot's name; the slot's id follows. */
  public static final String SLOT_PREFIX = "zcbot-slot-";

  /** The engine's states, as far as they differ for us. */
  public enum State {
    CREATED,
    RUNNING,
    PAUSED,
    /** Exited, dead, or being removed. */
    ENDED
  }

  /**
   * Labels that say whose sandbox it is.
   *
   * @param workerId null for one made by something older than this worker
   */
  public record Owner(UserId user, @Nullable String workerId) {
    boolean isWorker(String id) {
      return id.equals(workerId);
    }
  }

  /** Labels of a container that was made before its user was known. */
  public record Slot(String id, @Nullable String workerId) {}

  /** A container that was made for its user. */
  public Container(
      String id,
      String name,
      State state,
      @Nullable Owner owner,
      @Nullable String specHash,
      @Nullable Instant startedAt,
      @Nullable Integer exitCode,
      boolean oomKilled) {
    this(id, name, state, owner, specHash, startedAt, exitCode, oomKilled, null);
  }

  /** The name of the user's sandbox. */
  public static String nameOf(UserId user) {
    return NAME_PREFIX + user;
  }

  /** The same, found to be another than its spec label says. */
  public Container withoutSpec() {
    return new Container(id, name, state, owner, null, startedAt, exitCode, oomKilled, slot);
  }

  /** A parked slot after its claim: as it was, but whose it is, which its name now tells. */
  public Container claimedBy(UserId user) {
    Owner claimant = new Owner(user, slot == null ? null : slot.workerId());
    return new Container(
        id, nameOf(user), state, claimant, specHash, startedAt, exitCode, oomKilled, slot);
  }

  /** Whether it runs. */
  public boolean isRunning() {
    return state == State.RUNNING;
  }

  /** Whether its labels name this worker as its owner. */
  public boolean isOwnedBy(String workerId) {
    return owner != null && owner.isWorker(workerId);
  }

  /** Whether it is a slot that nobody's sandbox was made of. */
  public boolean isParkedBy(String workerId) {
    return owner == null && slot != null && workerId.equals(slot.workerId());
  }

  /** The slot of this worker that it was made as, parked or claimed. */
  public @Nullable String slotOf(String workerId) {
    return slot != null && workerId.equals(slot.workerId()) ? slot.id() : null;
  }
}
