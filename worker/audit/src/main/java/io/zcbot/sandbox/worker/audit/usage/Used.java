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
        sandboxes + more.sandboxes,
        claims + more.claims,
        sandboxMs + more.sandboxMs,
        commands + more.commands,
        cpuMs + more.cpuMs,
        outputBytes + more.outputBytes);
  }
}
