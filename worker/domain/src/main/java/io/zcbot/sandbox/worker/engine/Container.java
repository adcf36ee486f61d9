/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.engine;

import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.events.UserId;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A container as the engine describes it.
 *
 * @param name without a leading slash
 * @param specHash value of its spec label, which anyone with the engine's socket can write; null if
 *     it has none
 * @param startedAt when it was last started; null if never, or not known
 * @param exitCode of its first process, meaningful once it has ended; a listing may lack it
 * @param oomKilled whether the OOM killer killed one of its processes, which need not end it
 * @param profile the name of the profile that it was made of, by its label
 */
public record Container(
    String id,
    String name,
    State state,
    Ownership ownership,
    @Nullable String specHash,
    @Nullable Instant startedAt,
    @Nullable Integer exitCode,
    boolean oomKilled,
    String profile) {
  /** Creates a container of the default profile. */
  public Container(
      String id,
      String name,
      State state,
      Ownership ownership,
      @Nullable String specHash,
      @Nullable Instant startedAt,
      @Nullable Integer exitCode,
      boolean oomKilled) {
    this(id, name, state, ownership, specHash, startedAt, exitCode, oomKilled, ProfileName.DEFAULT);
  }

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
   * The owner of a container, by its labels, and by its name if it was created as a slot.
   *
   * @param user null for an idle slot, and for a container that is no sandbox
   * @param slotId the warm slot that it was created as; null if it was created for its user
   * @param workerId null if something older than this worker created it
   * @param ours whether the worker that asks created it
   */
  public record Ownership(
      @Nullable UserId user, @Nullable String slotId, @Nullable String workerId, boolean ours) {
    /** For a container that is no sandbox. */
    public static final Ownership NONE = new Ownership(null, null, null, false);
  }

  public static String nameOf(UserId user) {
    return NAME_PREFIX + user;
  }

  /** Returns this idle slot as it is after its claim, when its name tells its user. */
  public Container claimedBy(UserId user) {
    return new Container(
        id,
        nameOf(user),
        state,
        new Ownership(user, ownership.slotId, ownership.workerId, ownership.ours),
        specHash,
        startedAt,
        exitCode,
        oomKilled,
        profile);
  }

  /** The user whose sandbox it is; null if none. */
  public @Nullable UserId user() {
    return ownership.user;
  }

  public boolean isRunning() {
    return state == State.RUNNING;
  }

  /** Whether it is a user's sandbox that this worker created. */
  public boolean isOurs() {
    return ownership.ours && ownership.user != null;
  }

  /** Whether it is a slot of this worker that no user has claimed. */
  public boolean isOurIdleSlot() {
    return ownership.ours && ownership.user == null && ownership.slotId != null;
  }

  /** The slot of this worker that it was created as, idle or claimed; null if none. */
  public @Nullable String ourSlot() {
    return ownership.ours ? ownership.slotId : null;
  }
}
