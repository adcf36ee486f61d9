/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.demand;

/**
 * A model of a warm pool, for replays: users take idle slots, and the worker replaces them one at a
 * time, at the {@link RefillPace}. Times are in milliseconds and must not decrease. Not
 * thread-safe.
 */
public final class PoolModel {
  private int target;
  private int idle;
  private long makeMillis;
  private long now;
  private boolean making;
  private long made;
  private long mayBegin;
  private long lastTaken = Long.MIN_VALUE / 2;
  private double idleMillis;

  /**
   * Starts with a full pool.
   *
   * @param makeMillis how long making one slot takes
   */
  public PoolModel(int target, long makeMillis, long now) {
    this.target = target;
    this.idle = target;
    this.makeMillis = makeMillis;
    this.now = now;
    this.mayBegin = now;
  }

  /** Changes the size and the time that making takes; surplus slots are removed. */
  public void resize(int target, long makeMillis, long at) {
    advance(at);
    this.target = target;
    this.makeMillis = makeMillis;
    this.idle = Math.min(idle, target);
    this.mayBegin = Math.max(mayBegin, at);
  }

  /** A user takes a slot; false if none is idle. */
  public boolean take(long at) {
    advance(at);
    if (idle == 0) {
      return false;
    }
    idle--;
    lastTaken = at;
    return true;
  }

  /** Advances to a time, and makes the slots that are finished until then. */
  public void advance(long to) {
    while (true) {
      if (making) {
        if (made > to) {
          break;
        }
        pass(made);
        making = false;
        mayBegin = made;
        idle = Math.min(idle + 1, target);
      }
      long quiet = RefillPace.quiet(idle, target).toMillis() + RefillPace.LOOK.toMillis();
      long begin = Math.max(mayBegin, lastTaken + quiet);
      if (idle >= target || begin > to) {
        break;
      }
      making = true;
      made = begin + makeMillis;
    }
    pass(to);
  }

  private void pass(long to) {
    if (to > now) {
      idleMillis += (double) idle * (to - now);
      now = to;
    }
  }

  public int target() {
    return target;
  }

  /** The sum of the times that slots were idle. */
  public double idleMillis() {
    return idleMillis;
  }
}
