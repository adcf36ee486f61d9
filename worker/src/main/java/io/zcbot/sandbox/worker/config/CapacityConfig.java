/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

/** Settings that limit the number of sandboxes and of concurrent operations. */
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
            "Maximum number of sandboxes on this host. If it is reached, the sandbox that has"
                + " been idle for longest is evicted.");
    warmSlots =
        in.get(
            "ZCBOT_SANDBOX_WARM",
            "2",
            Kind.count(0, 64),
            "Number of containers that the warm pool keeps ready for users without a sandbox; 0"
                + " turns the pool off. They count as sandboxes of this host. Requires"
                + " CAP_SYS_ADMIN.");
    newUsersPerMinute =
        in.get(
            "ZCBOT_NEW_USERS_PER_MINUTE",
            "120",
            Kind.count(1, 1_000_000),
            "Maximum number of sandboxes per minute for users who had none within the idle TTL."
                + " Further ensures of such users are answered failed(capacity).");
    createConcurrency =
        in.get(
            "ZCBOT_CREATE_CONCURRENCY",
            "4",
            Kind.count(1, 256),
            "Maximum number of sandboxes that are created at the same time.");
    reapConcurrency =
        in.get(
            "ZCBOT_REAP_CONCURRENCY",
            "4",
            Kind.count(1, 256),
            "Maximum number of sandboxes that are removed at the same time.");
  }
}
