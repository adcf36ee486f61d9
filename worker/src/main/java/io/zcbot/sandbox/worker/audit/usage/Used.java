/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.usage;

/**
 * What was used: sums that can be added.
 *
 * @param sandboxes that began
 * @param claims how many of these came from the warm pool
 * @param sandboxMs how long sandboxes were there, all together
 * @param commands that had started and ended
 * @param cpuMs processor time of these commands
 * @param outputBytes what they wrote to standard output and standard error
 */
public record Used(
    long sandboxes, long claims, long sandboxMs, long commands, long cpuMs, long outputBytes) {
  public static final Used NOTHING = new Used(0, 0, 0, 0, 0, 0);

  /** Both together. */
  public Used plus(Used more) {
    return new Used(
        sum(sandboxes, more.sandboxes),
        sum(claims, more.claims),
        sum(sandboxMs, more.sandboxMs),
        sum(commands, more.commands),
        sum(cpuMs, more.cpuMs),
        sum(outputBytes, more.outputBytes));
  }

  /**
   * At most the largest number: a sum of what hostile code told must not begin again below zero.
   */
  private static long sum(long one, long other) {
    long sum = one + other;
    return one > 0 && other > 0 && sum < 0 ? Long.MAX_VALUE : sum;
  }
}
