/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.UserId;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A shared budget of memory for what the commands of this worker write or read, beyond a small
 * window of each. A claim that does not fit waits in a queue; the command's program waits with it,
 * blocked in its write. Each user gets a limited share, so that programs that fill it and then
 * sleep hold up only commands of the same user. Thread-safe; callbacks run without the lock.
 */
final class MemoryBudget {
  private static final int USERS = 4;

  private final ArrayDeque<Claim> claims = new ArrayDeque<>();
  private final Map<UserId, Integer> taken = new HashMap<>();
  private final int most;
  private int free;

  /** A budget of which each user gets at most a quarter. */
  MemoryBudget(int bytes) {
    this(bytes, bytes / USERS);
  }

  /**
   * A budget.
   *
   * @param most how many bytes one user gets at most; the first claim of a user may exceed it
   */
  MemoryBudget(int bytes, int most) {
    this.free = bytes;
    this.most = most;
  }

  /** The share of one user. */
  Share of(UserId user) {
    return new Share(user);
  }

  /** A request for bytes that waits. */
  static final class Claim {
    private final UserId user;
    private final int bytes;
    private final Runnable granted;

    private Claim(UserId user, int bytes, Runnable granted) {
      this.user = user;
      this.bytes = bytes;
      this.granted = granted;
    }
  }

  /** The budget as seen by one user. */
  final class Share {
    private final UserId user;

    private Share(UserId user) {
      this.user = user;
    }

    /** Takes up to so many bytes without waiting; none while another claim is due first. */
    int tryTake(int bytes) {
      synchronized (MemoryBudget.this) {
        int left = isAwaited(user) ? 0 : Math.min(free, most - held(user));
        return take(user, Math.max(0, Math.min(left, bytes)));
      }
    }

    /** Takes exactly so many bytes without waiting, or none; returns whether it did. */
    boolean tryTakeAll(int bytes) {
      synchronized (MemoryBudget.this) {
        boolean fits = !isAwaited(user) && bytes <= free && isAllowed(user, bytes);
        if (fits) {
          take(user, bytes);
        }
        return fits;
      }
    }

    /**
     * Grants a claim now, or later on the thread that returns bytes.
     *
     * @param granted called once, when the bytes are granted; perhaps before this method returns
     * @return the claim if it waits; null if it was granted
     */
    @Nullable Claim await(int bytes, Runnable granted) {
      synchronized (MemoryBudget.this) {
        if (isAwaited(user) || bytes > free || !isAllowed(user, bytes)) {
          Claim claim = new Claim(user, bytes, granted);
          claims.add(claim);
          return claim;
        }
        take(user, bytes);
      }
      granted.run();
      return null;
    }

    /**
     * Withdraws a claim; false if it was granted already. Claims behind it may fit then; they are
     * granted when the caller, without its locks, returns bytes, if only none.
     */
    boolean withdraw(Claim claim) {
      synchronized (MemoryBudget.this) {
        return claims.remove(claim);
      }
    }

    /**
     * Returns bytes, perhaps none. It calls back the owners of waiting claims, so the caller must
     * not hold a lock that they need.
     */
    void give(int bytes) {
      synchronized (MemoryBudget.this) {
        take(user, -bytes);
      }
      grant();
    }
  }

  /**
   * Whether a waiting claim comes first: any claim that its user's share allows, or one of this
   * user.
   */
  private boolean isAwaited(UserId user) {
    return claims.stream()
        .anyMatch(claim -> claim.user.equals(user) || isAllowed(claim.user, claim.bytes));
  }

  private int held(UserId user) {
    return taken.getOrDefault(user, 0);
  }

  /** Whether a claim is within the user's share. A user who has nothing may claim any size. */
  private boolean isAllowed(UserId user, int bytes) {
    int held = held(user);
    return held == 0 || held + bytes <= most;
  }

  private int take(UserId user, int bytes) {
    free -= bytes;
    taken.merge(user, bytes, Integer::sum);
    taken.remove(user, 0);
    return bytes;
  }

  private void grant() {
    for (Claim next = next(); next != null; next = next()) {
      next.granted.run();
    }
  }

  /**
   * Takes the first claim that its user's share allows; null if there is none or no room for it.
   */
  private synchronized @Nullable Claim next() {
    Iterator<Claim> waiting = claims.iterator();
    while (waiting.hasNext()) {
      Claim claim = waiting.next();
      if (isAllowed(claim.user, claim.bytes)) {
        if (claim.bytes > free) {
          return null;
        }
        waiting.remove();
        take(claim.user, claim.bytes);
        return claim;
      }
    }
    return null;
  }
}
