/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.demand;

import java.util.List;
import java.util.function.ToIntFunction;

/**
 * Shares the slots that a host has room for among profiles. Fixed numbers are the operator's choice
 * and are not reduced. The minimum of each range comes next, then what users need: while there is
 * less room than that, each profile gets about the same part of its need.
 */
public final class PoolShares {
  private final int slots;
  private final long bytes;

  /**
   * Creates shares of some room.
   *
   * @param slots most slots, of all profiles together
   * @param bytes most memory that slots take
   */
  public PoolShares(int slots, long bytes) {
    this.slots = slots;
    this.bytes = bytes;
  }

  /**
   * What one profile needs.
   *
   * @param least minimum number of slots
   * @param wanted number of slots that its users need, at least {@code least}
   * @param isFixed whether the minimum is a fixed number
   * @param bytes memory that one slot takes
   */
  public record Need(int least, int wanted, boolean isFixed, long bytes) {}

  /** Returns the number of slots of each profile. */
  public int[] of(List<Need> needs) {
    Shares shares = new Shares(needs);
    for (int i = 0; i < needs.size(); i++) {
      shares.given[i] = needs.get(i).isFixed() ? needs.get(i).least() : 0;
    }
    shares.giveUpTo(Need::least);
    shares.giveUpTo(Need::wanted);
    return shares.given;
  }

  private final class Shares {
    private final List<Need> needs;
    private final int[] given;

    private Shares(List<Need> needs) {
      this.needs = needs;
      this.given = new int[needs.size()];
    }

    /** Gives one slot after the other, each to the profile that has the least part of its goal. */
    private void giveUpTo(ToIntFunction<Need> goal) {
      for (int next = neediest(goal); next >= 0; next = neediest(goal)) {
        given[next]++;
      }
    }

    /** The profile that gets the next slot; -1 if there is none, or no room. */
    private int neediest(ToIntFunction<Need> goal) {
      int count = 0;
      long used = 0;
      for (int i = 0; i < given.length; i++) {
        count += given[i];
        used += given[i] * needs.get(i).bytes();
      }
      int neediest = -1;
      double least = 1;
      for (int i = 0; i < given.length && count < slots; i++) {
        Need need = needs.get(i);
        double part = (double) given[i] / Math.max(1, goal.applyAsInt(need));
        if (!need.isFixed() && part < least && need.bytes() <= bytes - used) {
          neediest = i;
          least = part;
        }
      }
      return neediest;
    }
  }
}
