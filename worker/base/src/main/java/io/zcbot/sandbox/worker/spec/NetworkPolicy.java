/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.spec;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What sandboxes may reach, and how that is enforced.
 *
 * @param pgIps addresses or CIDRs that are refused in any case, in addition to those that always
 *     are
 */
public record NetworkPolicy(
    FirewallMode firewall, Egress egress, Dns dns, List<String> pgIps, TrafficLimits traffic) {
  /**
   * Raise this when the same policy gets other rules on the host. Workers of both versions would
   * otherwise replace each other's rules on a network that they share, without an end.
   */
  private static final int REVISION = 3;

  /** The default. */
  public static final NetworkPolicy DEFAULT =
      new NetworkPolicy(FirewallMode.HOST, new Egress.Public(), new Dns.EngineDefault(), List.of());

  /** A policy with the default traffic limits. */
  public NetworkPolicy(FirewallMode firewall, Egress egress, Dns dns, List<String> pgIps) {
    this(firewall, egress, dns, pgIps, TrafficLimits.DEFAULT);
  }

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

  /** Whether the worker sets rules in a sandbox's network namespace, from outside. */
  public boolean sealed() {
    return hasNetwork() && firewall == FirewallMode.HOST;
  }

  /** Whether the sandboxes' bridge has rules. */
  public boolean rulesOnHost() {
    return hasNetwork() && firewall != FirewallMode.CONTAINER;
  }

  /** What may be reached by name; null if egress goes by addresses alone. */
  public Egress.@Nullable ByName byName() {
    return egress instanceof Egress.ByName names ? names : null;
  }

  /** A hash of the policy's rules on the host; equal for policies with the same rules there. */
  public String hash() {
    return SandboxSpec.digest(
        "revision=" + REVISION,
        "egress=" + sorted(egress.text()),
        "dns=" + sorted(dns.text()),
        "pg_ips=" + sorted(String.join(",", pgIps)),
        "flow_rate=" + traffic.newFlowsPerSecond(),
        "bandwidth=" + traffic.bytesPerSecond(),
        "smtp=" + traffic.smtp());
  }

  /** The elements of a list that are separated by commas, in the order that the hash is made of. */
  public static String sorted(String list) {
    return String.join(",", List.of(list.split(",")).stream().sorted().toList());
  }
}
