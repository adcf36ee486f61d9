/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.ResourceLimits;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.spec.TrafficLimits;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads the settings that determine how sandboxes are created. */
final class SpecSettings {
  private static final long MIB = 1024 * 1024;

  private SpecSettings() {}

  static SandboxSpec read(SettingsReader in) {
    String image =
        in.get(
            "ZCBOT_SANDBOX_IMAGE",
            "zcbot-sandbox:latest",
            Kind.imageReference(),
            "Image of every sandbox. Name it by its digest, or build it on the host: whoever can change"
                + " what a tag of a registry stands for chooses what sandboxes run.");
    @Nullable String runtime =
        in.find(
            "ZCBOT_SANDBOX_RUNTIME",
            "the engine's default",
            Kind.text("the name of an OCI runtime", "[A-Za-z0-9][A-Za-z0-9._-]{0,127}"),
            "Name of the OCI runtime of every sandbox, as configured in the engine.");
    long memory =
        in.get(
            "ZCBOT_SANDBOX_MEMORY",
            "2g",
            Kind.size("64m", "1t"),
            "Memory limit of a sandbox. Sandboxes have no swap.");
    double cpus =
        in.get(
            "ZCBOT_SANDBOX_CPUS",
            "1.0",
            Kind.decimal("0.01", "1024"),
            "CPU limit of a sandbox, in cores; at most those of the host.");
    int pids =
        in.get(
            "ZCBOT_SANDBOX_PIDS",
            "256",
            Kind.count(16, 4_194_304),
            "Maximum number of processes and threads in a sandbox.");
    long tmp =
        in.get(
            "ZCBOT_SANDBOX_TMP_SIZE",
            Math.min(512 * MIB, memory / 2),
            "512m, at most half the memory",
            Kind.size("1m", "1t")
                .where(
                    bytes -> bytes < memory,
                    "must be smaller than ZCBOT_SANDBOX_MEMORY, which is "
                        + Kind.shown(memory)
                        + ": a full /tmp would use up the sandbox's memory"),
            "Size of a sandbox's /tmp. Its files count as memory of the sandbox.");
    @Nullable Integer ioWeight =
        in.find(
            "ZCBOT_SANDBOX_IO_WEIGHT",
            "none",
            Kind.count(10, 1000),
            "Weight of a sandbox's disk I/O relative to the rest of the host. Requires cgroup"
                + " version 2, and disks that support weights: those with the scheduler bfq, or,"
                + " while the kernel has not loaded bfq, with io.cost. On a kernel with neither, the"
                + " engine can't start a sandbox.");
    @Nullable String cgroupParent =
        in.find(
            "ZCBOT_SANDBOX_CGROUP_PARENT",
            "the engine's",
            Kind.text(
                "the path of a control group, such as /sandboxes, or the name of a systemd slice,"
                    + " such as sandboxes.slice",
                "(?:/[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}){1,4}|[A-Za-z0-9_][A-Za-z0-9_-]{0,63}\\.slice"),
            "Control group that holds those of all sandboxes, so that the host can weigh and limit"
                + " them together: a path, or a slice if the engine uses systemd.");
    String network =
        in.get(
            "ZCBOT_SANDBOX_NETWORK",
            "zcbot-sandbox",
            Kind.text(
                "the name of a bridge network for sandboxes only (not bridge, host, none or"
                    + " default)",
                "(?!(?:bridge|host|none|default)$)[A-Za-z0-9][A-Za-z0-9_.-]{0,127}"),
            "Bridge network of the sandboxes. The worker creates it if it is missing.");
    FirewallMode firewall =
        in.get(
            "ZCBOT_SANDBOX_FIREWALL",
            "host",
            Kind.oneOf(FirewallMode.values()),
            "Where the firewall rules are. host: on the sandboxes' bridge; sandboxes have no"
                + " capabilities. container: in each sandbox; its first process is root with"
                + " NET_ADMIN, to set the rules. both: in both places.");
    Egress egress =
        in.get(
            "ZCBOT_SANDBOX_EGRESS",
            "public",
            NetworkKinds.egress()
                .where(
                    wanted -> !(wanted instanceof Egress.ByName) || firewall == FirewallMode.HOST,
                    "names and ports need ZCBOT_SANDBOX_FIREWALL=host, as a proxy on the host reads"
                        + " the names"),
            "What sandboxes may reach: public (all public addresses), none (no network), or a list"
                + " of addresses and networks, which may be private, and of names such as"
                + " *.pypi.org or github.com:443, separated by commas. With a name or a port in the"
                + " list, a proxy on the host is the only way out. The host and link-local"
                + " addresses are never reachable.");
    NetworkPolicy policy =
        new NetworkPolicy(
            firewall,
            egress,
            in.get(
                "ZCBOT_SANDBOX_DNS",
                new Dns.EngineDefault(),
                "the engine's",
                NetworkKinds.dns()
                    .where(
                        dns -> !(egress instanceof Egress.ByName && dns instanceof Dns.Off),
                        "must not be off where ZCBOT_SANDBOX_EGRESS has names or ports: the proxy"
                            + " looks names up for the sandboxes"),
                "DNS resolvers of the sandboxes, or off: no DNS, and port 53 is closed for all"
                    + " addresses."),
            in.get(
                "ZCBOT_PG_IPS",
                List.of(),
                "none",
                NetworkKinds.addressesAndNetworks(),
                "Addresses that no sandbox may ever reach, e.g. those of databases."),
            new TrafficLimits(
                in.get(
                    "ZCBOT_SANDBOX_FLOWS",
                    "4096",
                    Kind.count(16, 1_000_000),
                    "Maximum number of connections and UDP flows of a sandbox at a time. All"
                        + " sandboxes of a host share its net.netfilter.nf_conntrack_max."),
                in.get(
                    "ZCBOT_SANDBOX_FLOW_RATE",
                    "100",
                    Kind.count(1, 100_000),
                    "Maximum number of new connections and UDP flows of a sandbox per second,"
                        + " after a burst of five times as many. Each may carry 256 bytes of DNS"
                        + " queries."),
                in.get(
                    "ZCBOT_SANDBOX_BANDWIDTH",
                    "50m",
                    Kind.size("1m", "800m"),
                    "Maximum number of bytes that a sandbox sends per second, and receives, after a"
                        + " burst of five times as many; and of packets, one for each KiB."),
                in.get(
                    "ZCBOT_SANDBOX_SMTP",
                    "false",
                    Kind.flag(),
                    "Whether sandboxes may deliver mail: port 25 is closed otherwise.")));
    return new SandboxSpec(
        image,
        runtime,
        new ResourceLimits(memory, cpus, pids, tmp, ioWeight, cgroupParent),
        network,
        policy);
  }
}
