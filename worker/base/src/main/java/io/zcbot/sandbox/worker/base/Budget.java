/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.base;

import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/**
 * A bounded amount of a resource, such as bytes of memory, of which each key, such as a key or a
 * partition, gets a limited share. So whoever fills a share holds up only claims of the same key. A
 * claim that does not fit waits in a queue. Thread-safe; callbacks run without the lock.
 *
 * @param <K> what has a share
 */
public final class Budget<K> {
  private final ArrayDeque<Claim<K>> claims = new ArrayDeque<>();
  private final Map<K, Integer> taken = new HashMap<>();
  private final int most;
  private int free;

  /** Creates a budget of which each key gets at most a quarter. */
  public Budget(int total) {
    this(total, total / 4);
  }

  /**
   * Creates a budget.
   *
   * @param total the amount that all keys have together at most
   * @param most the amount that one key has at most; the first claim of a key may exceed it
   */
  public Budget(int total, int most) {
    this.free = total;
    this.most = most;
  }

  /** The share of one key. */
  public Share of(K key) {
    return new Share(key);
  }

  /** A request that waits. */
  public static final class Claim<K> {
    private final K key;
    private final int amount;
    private final Runnable granted;

    private Claim(K key, int amount, Runnable granted) {
      this.key = key;
      this.amount = amount;
      this.granted = granted;
    }
  }

  /** The budget as seen by one key. */
  public final class Share {
    private final K key;

    private Share(K key) {
      this.key = key;
    }

    /** Takes up to this amount without waiting; none while another claim is due first. */
    public int tryTake(int amount) {
      synchronized (Budget.this) {
        int left = isAwaited(key) ? 0 : Math.min(free, most - held(key));
        return add(key, Math.max(0, Math.min(left, amount)));
      }
    }

    /** Takes exactly this amount without waiting, or none; returns whether it did. */
    public boolean tryTakeAll(int amount) {
      synchronized (Budget.this) {
        boolean fits = !isAwaited(key) && amount <= free && isAllowed(key, amount);
        if (fits) {
          add(key, amount);
        }
        return fits;
      }
    }

    /**
     * Grants a claim now, or later on the thread that returns some.
     *
     * @param granted called once, when it is granted; perhaps before this method returns
     * @return the claim if it waits; null if it was granted
     */
    public @Nullable Claim<K> await(int amount, Runnable granted) {
      synchronized (Budget.this) {
        if (isAwaited(key) || amount > free || !isAllowed(key, amount)) {
          Claim<K> claim = new Claim<>(key, amount, granted);
          claims.add(claim);
          return claim;
        }
        add(key, amount);
      }
      granted.run();
      return null;
    }

    /** Takes exactly this amount; waits for it. */
    public void take(int amount) throws InterruptedException {
      CountDownLatch granted = new CountDownLatch(1);
      Claim<K> claim = await(amount, granted::countDown);
      try {
        granted.await();
      } catch (InterruptedException e) {
        give(claim != null && withdraw(claim) ? 0 : amount);
        throw e;
      }
    }

    /**
     * Withdraws a claim; false if it was granted already. Claims behind it may fit then; they are
     * granted when the caller, without its locks, gives something back, if only nothing.
     */
    public boolean withdraw(Claim<K> claim) {
      synchronized (Budget.this) {
        return claims.remove(claim);
      }
    }

    /**
     * Gives an amount back, perhaps nothing. It calls back the owners of waiting claims, so the
     * caller must not hold a lock that they need.
     */
    public void give(int amount) {
      synchronized (Budget.this) {
        add(key, -amount);
      }
      grant();
    }
  }

  /**
   * Whether a waiting claim comes first: any claim that its key's share allows, or one of this key.
   */
  private boolean isAwaited(K key) {
    return claims.stream()
        .anyMatch(claim -> claim.key.equals(key) || isAllowed(claim.key, claim.amount));
  }

  private int held(K key) {
    return taken.getOrDefault(key, 0);
  }

  /** Whether a claim is within the key's share. A key who has nothing may claim any size. */
  private boolean isAllowed(K key, int amount) {
    int held = held(key);
    return held == 0 || held + amount <= most;
  }

  private int add(K key, int amount) {
    free -= amount;
    taken.merge(key, amount, Integer::sum);
    taken.remove(key, 0);
    return amount;
  }

  private void grant() {
    for (Claim<K> next = next(); next != null; next = next()) {
      next.granted.run();
    }
  }

  /** Takes the first claim that its key's share allows; null if there is none or no room for it. */
  private synchronized @Nullable Claim<K> next() {
    Iterator<Claim<K>> waiting = claims.iterator();
    while (waiting.hasNext()) {
      Claim<K> claim = waiting.next();
      if (isAllowed(claim.key, claim.amount)) {
        if (claim.amount > free) {
          return null;
        }
        waiting.remove();
        add(claim.key, claim.amount);
        return claim;
      }
    }
    return null;
  }
}
