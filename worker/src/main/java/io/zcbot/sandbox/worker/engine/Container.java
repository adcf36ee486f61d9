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
 * @param specHash value of its spec label, which anyone with the engine's socket can write; null if
 *     it has none
 * @param startedAt when it was last started, if ever
 * @param exitCode of its first process, meaningful when it no longer runs; a listing may lack it
 * @param oomKilled whether the OOM killer hit it; alone no sign of death
 */
public record Container(
    String id,
    String name,
    State state,
    Ownership ownership,
    @Nullable String specHash,
    @Nullable Instant startedAt,
    @Nullable Integer exitCode,
    boolean oomKilled) {
  /** The prefix of every sandbox's name; the user's id follows. */
  public static final String NAME_PREFIX = "zcbot-sandbox-";

  /** The prefix of an idle slot's name; the slot's id follows. */
  public static final String SLOT_PREFIX = "zcbot-slot-";

  /** The engine's states, as far as the worker distinguishes them. */
  public enum State {
    CREATED,
    RUNNING,
    PAUSED,
    /** Exited, dead, or being removed. */
    ENDED
  }

  /**
   * Whose a container is by its labels, and by its name where it was made as a slot.
   *
   * @param user null for an idle slot, and for one that is no sandbox at all
   * @param slotId the warm slot it was made as; null for one made for its user
   * @param workerId null for one made by something older than this worker
   * @param ours whether the worker that asks made it
   */
  public record Ownership(
      @Nullable UserId user, @Nullable String slotId, @Nullable String workerId, boolean ours) {
    /** Of a container that is no sandbox. */
    public static final Ownership NONE = new Ownership(null, null, null, false);
  }

  public static String nameOf(UserId user) {
    return NAME_PREFIX + user;
  }

  /** An idle slot after its claim: as it was, but whose it is, which its name now tells. */
  public Container claimedBy(UserId user) {
    return new Container(
        id,
        nameOf(user),
        state,
        new Ownership(user, ownership.slotId, ownership.workerId, ownership.ours),
        specHash,
        startedAt,
        exitCode,
        oomKilled);
  }

  /** Whose sandbox it is; null if it is nobody's. */
  public @Nullable UserId user() {
    return ownership.user;
  }

  public boolean isRunning() {
    return state == State.RUNNING;
  }

  /** Whether it is a user's sandbox that this worker made. */
  public boolean isOurs() {
    return ownership.ours && ownership.user != null;
  }

  /** Whether it is a slot of this worker's that nobody's sandbox was made of. */
  public boolean isOurIdleSlot() {
    return ownership.ours && ownership.user == null && ownership.slotId != null;
  }

  /** The slot of this worker that it was made as, idle or claimed; null if it was not. */
  public @Nullable String ourSlot() {
    return ownership.ours ? ownership.slotId : null;
  }
}
