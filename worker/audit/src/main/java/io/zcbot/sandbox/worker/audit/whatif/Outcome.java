/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.whatif;

/**
 * What a history came to.
 *
 * @param name of the settings
 * @param claims how many users without a sandbox got an idle slot
 * @param creates for how many a sandbox was created
 * @param refusals how many were refused for lack of room
 * @param evictions how many idle sandboxes gave way to others
 * @param sandboxHours how long sandboxes ran, all together
 * @param slotHours how long slots were idle, all together; NaN where nobody knows
 * @param peak how many sandboxes ran at once
 */
public record Outcome(
    String name,
    long claims,
    long creates,
    long refusals,
    long evictions,
    double sandboxHours,
    double slotHours,
    int peak,
    Timeline timeline) {

  /** The share of new users with a slot; NaN if none came. */
  public double share() {
    return (double) claims / (claims + creates + refusals);
  }
}
