/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.spec;

import java.util.List;

/**
 * What sandboxes may reach, and how that is enforced.
 *
 * @param pgIps addresses (CIDR allowed) refused in any case, on top of what always is
 */
public record NetworkPolicy(FirewallMode firewall, Egress egress, Dns dns, List<String> pgIps) {
  /** The default. */
  public static final NetworkPolicy DEFAULT =
      new NetworkPolicy(FirewallMode.HOST, new Egress.Public(), new Dns.EngineDefault(), List.of());

  public NetworkPolicy {
    pgIps = List.copyOf(pgIps);
  }

  public boolean hasNetwork() {
    return !(egress instanceof Egress.None);
  }

  /** Whether a sandbox's first process sets rules, as root. */
  public boolean rulesInSandbox() {
    return hasNetwork() && firewall != FirewallMode.HOST;
  }

  /** Whether the sandboxes' bridge has rules. */
  public boolean rulesOnHost() {
    return hasNetwork() && firewall != FirewallMode.CONTAINER;
  }

  /** Equal for policies whose rules on the host are the same. */
  public String hash() {
    return SandboxSpec.digest(
        "egress=" + sorted(egress.text()),
        "dns=" + sorted(dns.text()),
        "pg_ips=" + sorted(String.join(",", pgIps)));
  }

  private static String sorted(String list) {
    return String.join(",", List.of(list.split(",")).stream().sorted().toList());
  }
}
