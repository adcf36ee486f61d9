/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.keys;

import java.time.Instant;
import java.util.Set;

/**
 * What is known of an API key. The key itself is known to its owner only.
 *
 * @param id names the key in lists and logs
 * @param tenant whose key it is; keys of one tenant see each other's sandboxes
 * @param hash SHA-256 of the key, as 64 hexadecimal digits
 * @param createdAt when the key was added
 * @param maxSandboxes how many sandboxes the tenant may have at once with this key; 0 for no limit
 * @param requestsPerSecond how many requests the control plane takes with this key in a second; 0
 *     for no limit
 * @param commandsPerSecond how many commands may be started in a second in the sandboxes that were
 *     made with this key; 0 for no limit
 * @param maxCommands how many commands may run at once in the sandboxes that were made with this
 *     key; 0 for no limit
 * @param profiles the names of the profiles of which sandboxes may be made with this key; empty for
 *     all
 */
public record ApiKey(
    String id,
    String tenant,
    String hash,
    Instant createdAt,
    int maxSandboxes,
    int requestsPerSecond,
    int commandsPerSecond,
    int maxCommands,
    Set<String> profiles) {
  public ApiKey {
    profiles = Set.copyOf(profiles);
  }

  /** Returns whether sandboxes of a profile may be made with this key. */
  public boolean mayUse(String profile) {
    return profiles.isEmpty() || profiles.contains(profile);
  }
}
