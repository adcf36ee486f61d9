/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.spec;

/**
 * How many warm slots are kept ready.
 *
 * @param least minimum number of slots; 0 for none at all
 * @param most maximum number of slots; larger than {@code least} if the number follows demand
 */
public record Warm(int least, int most) {
  /** Most slots of a host, of all profiles together. */
  public static final int MOST = 256;

  /** The bounds of {@code auto}. */
  public static final Warm AUTO = new Warm(2, MOST);

  public boolean goesByDemand() {
    return most > least;
  }

  /**
   * Returns these bounds reduced to what a host allows. A fixed number is the operator's choice and
   * is not reduced.
   *
   * @param inMemory number of slots that the host's memory allows
   */
  public Warm on(int maxSandboxes, int inMemory) {
    int bound = Math.min(most, Math.min(maxSandboxes, inMemory));
    return goesByDemand() ? new Warm(Math.min(least, bound), bound) : this;
  }
}
