/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

/** How many sandboxes, and how many at a time. */
public final class CapacityConfig {
  public final int maxSandboxes;
  public final int warmSlots;
  public final int newUsersPerMinute;
  public final int createConcurrency;
  public final int reapConcurrency;

  CapacityConfig(SettingsReader in) {
    maxSandboxes =
        in.get(
            "ZCBOT_SANDBOX_MAX",
            "64",
            Kind.count(1, 100_000),
            "Most sandboxes on this host; beyond it the longest idle one is evicted.");
    warmSlots =
        in.get(
            "ZCBOT_SANDBOX_WARM",
            "2",
            Kind.count(0, 64),
            "Containers kept ready for users who have no sandbox yet; 0 for none. They count as"
                + " sandboxes of this host, and require CAP_SYS_ADMIN.");
    newUsersPerMinute =
        in.get(
            "ZCBOT_NEW_USERS_PER_MINUTE",
            "120",
            Kind.count(1, 1_000_000),
            "Most sandboxes made in a minute for users who had none within the idle TTL; more are"
                + " answered failed(capacity).");
    createConcurrency =
        in.get(
            "ZCBOT_CREATE_CONCURRENCY",
            "4",
            Kind.count(1, 256),
            "Most sandboxes created at the same time.");
    reapConcurrency =
        in.get(
            "ZCBOT_REAP_CONCURRENCY",
            "4",
            Kind.count(1, 256),
            "Most sandboxes removed at the same time.");
  }
}
