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
 * Memory for what commands write or read, of all commands of the worker together, beyond a small
 * window that each has anyway. Who wants more than there is waits in a queue; the command's program
 * waits with it, in its write. One user has a share of it at most, so that programs that fill it
 * and then sleep hold up those of their own user only.
 */
final class MemoryBudget {
  private static final int USERS = 4;

  private final ArrayDeque<Claim> claims = new ArrayDeque<>();
  private final Map<UserId, Integer> taken = new HashMap<>();
  private final int most;
  private int free;

  /** So many bytes, of which a user has a quarter at most. */
  MemoryBudget(int bytes) {
    this(bytes, bytes / USERS);
  }

  /**
   * A budget.
   *
   * @param most how many bytes one user has at most; with none yet, it may be more
   */
  MemoryBudget(int bytes, int most) {
    this.free = bytes;
    this.most = most;
  }

  /** What a user's commands have of it. */
  Share of(UserId user) {
    return new Share(user);
  }

  /** So many bytes that somebody waits for. */
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

  /** The budget, for one user. */
  final class Share {
    private final UserId user;

    private Share(UserId user) {
      this.user = user;
    }

    /** Takes up to so many bytes without waiting; none while others wait. */
    int tryTake(int bytes) {
      synchronized (MemoryBudget.this) {
        int left = isAwaited(user) ? 0 : Math.min(free, most - held(user));
        return take(user, Math.max(0, Math.min(left, bytes)));
      }
    }

    /** Takes so many bytes without waiting, or none. */
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
     * Grants a claim now or later: by the thread that returns bytes then.
     *
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

    /** Forgets a claim; false if it was granted. */
    boolean withdraw(Claim claim) {
      synchronized (MemoryBudget.this) {
        return claims.remove(claim);
      }
    }

    /** Returns bytes. The caller has no lock that somebody who waits needs. */
    void give(int bytes) {
      synchronized (MemoryBudget.this) {
        take(user, -bytes);
      }
      grant();
    }
  }

  /** Whoever waits within a share waits for everybody, others for their own user's commands. */
  private boolean isAwaited(UserId user) {
    return claims.stream()
        .anyMatch(claim -> claim.user.equals(user) || isAllowed(claim.user, claim.bytes));
  }

  private int held(UserId user) {
    return taken.getOrDefault(user, 0);
  }

  /** Whether it is within the user's share. A user who has nothing may have any single claim. */
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

  /** The first whose user has a share left, if there is room for it. */
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
