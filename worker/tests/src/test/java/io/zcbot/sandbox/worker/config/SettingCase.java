/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.SandboxUids;
import io.zcbot.sandbox.worker.spec.Warm;
import io.zcbot.sandbox.worker.spec.WorkspaceLimit;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a setting.
 *
 * @param read what becomes of it
 * @param fallback what that is when it is not set
 * @param value a value that is valid alone
 * @param expected what becomes of that
 * @param bad a value that is not allowed
 */
record SettingCase(
    String key,
    Function<WorkerConfig, @Nullable Object> read,
    @Nullable Object fallback,
    String value,
    Object expected,
    String bad) {
  @Override
  public String toString() {
    return key;
  }

  static List<SettingCase> all() {
    return List.of(
        new SettingCase(
            "ZCBOT_WORKER_ID", WorkerConfig::workerId, "box-1", "w.1_a-b", "w.1_a-b", ".."),
        new SettingCase(
            "ZCBOT_HOST", WorkerConfig::host, "box-1", "host.example", "host.example", "a b"),
        new SettingCase(
            "ZCBOT_ENGINE_ADDRESS",
            WorkerConfig::engineAddress,
            "unix:///var/run/docker.sock",
            "tcp://10.0.0.1:2376",
            "tcp://10.0.0.1:2376",
            "docker"),
        new SettingCase(
            "ZCBOT_KAFKA_BOOTSTRAP_SERVERS",
            c -> c.kafka().bootstrapServers(),
            "127.0.0.1:9092",
            "k1:9092,k2:9092",
            "k1:9092,k2:9092",
            "kafka"),
        new SettingCase(
            "ZCBOT_GROUP", c -> c.kafka().groupId(), "sandbox-workers", "g", "g", "a/b"),
        new SettingCase(
            "ZCBOT_TOPIC_PREFIX",
            c -> c.kafka().topicPrefix(),
            "sandbox.",
            "dev.sandbox.",
            "dev.sandbox.",
            "a/b"),
        new SettingCase(
            "ZCBOT_TOPICS_CREATE", c -> c.kafka().createTopics(), true, "no", false, "maybe"),
        new SettingCase("ZCBOT_TOPICS_PARTITIONS", c -> c.kafka().partitions(), 12, "3", 3, "0"),
        new SettingCase(
            "ZCBOT_TOPICS_REPLICATION",
            c -> c.kafka().replicationFactor(),
            (short) -1,
            "2",
            (short) 2,
            "0"),
        new SettingCase(
            "ZCBOT_SANDBOX_IMAGE",
            c -> c.spec().image(),
            "zcbot-sandbox:latest",
            "registry:5000/zcbot/sandbox@sha256:abc",
            "registry:5000/zcbot/sandbox@sha256:abc",
            "-x"),
        new SettingCase(
            "ZCBOT_SANDBOX_RUNTIME", c -> c.spec().runtime(), null, "runsc", "runsc", "a b"),
        new SettingCase(
            "ZCBOT_SANDBOX_MEMORY",
            c -> c.spec().limits().memoryBytes(),
            2L << 30,
            "1G",
            1L << 30,
            "lots"),
        new SettingCase("ZCBOT_SANDBOX_CPUS", c -> c.spec().limits().cpus(), 1.0, "0.5", 0.5, "0"),
        new SettingCase("ZCBOT_SANDBOX_PIDS", c -> c.spec().limits().pids(), 256L, "64", 64L, "1"),
        new SettingCase(
            "ZCBOT_SANDBOX_TMP_SIZE",
            c -> c.spec().limits().tmpBytes(),
            512L << 20,
            "64MiB",
            64L << 20,
            "1023k"),
        new SettingCase(
            "ZCBOT_SANDBOX_IO_WEIGHT", c -> c.spec().limits().ioWeight(), null, "200", 200, "9"),
        new SettingCase(
            "ZCBOT_SANDBOX_CGROUP_PARENT",
            c -> c.spec().limits().cgroupParent(),
            null,
            "/sandboxes",
            "/sandboxes",
            "/a/../b"),
        new SettingCase(
            "ZCBOT_SANDBOX_NETWORK",
            c -> c.spec().network(),
            "zcbot-sandbox",
            "net",
            "net",
            "host"),
        new SettingCase(
            "ZCBOT_SANDBOX_FIREWALL",
            c -> c.spec().policy().firewall(),
            FirewallMode.HOST,
            "Both",
            FirewallMode.BOTH,
            "none"),
        new SettingCase(
            "ZCBOT_SANDBOX_EGRESS",
            c -> c.spec().policy().egress(),
            new Egress.Public(),
            "none",
            new Egress.None(),
            "private"),
        new SettingCase(
            "ZCBOT_SANDBOX_DNS",
            c -> c.spec().policy().dns(),
            new Dns.EngineDefault(),
            "9.9.9.9 2620:fe::fe",
            new Dns.Resolvers(List.of("9.9.9.9", "2620:fe::fe")),
            "dns.example"),
        new SettingCase(
            "ZCBOT_SANDBOX_FLOWS",
            c -> c.spec().policy().traffic().flows(),
            4096,
            "1000",
            1000,
            "15"),
        new SettingCase(
            "ZCBOT_SANDBOX_FLOW_RATE",
            c -> c.spec().policy().traffic().newFlowsPerSecond(),
            100,
            "10",
            10,
            "0"),
        new SettingCase(
            "ZCBOT_SANDBOX_BANDWIDTH",
            c -> c.spec().policy().traffic().bytesPerSecond(),
            50L << 20,
            "2m",
            2L << 20,
            "1023k"),
        new SettingCase(
            "ZCBOT_SANDBOX_SMTP",
            c -> c.spec().policy().traffic().smtp(),
            false,
            "true",
            true,
            "maybe"),
        new SettingCase(
            "ZCBOT_PG_IPS",
            c -> c.spec().policy().pgIps(),
            List.of(),
            "203.0.113.7, 198.51.100.0/24,203.0.113.7",
            List.of("203.0.113.7", "198.51.100.0/24"),
            "10.0.0.1,db"),
        new SettingCase(
            "ZCBOT_WORKSPACE_ROOT",
            c -> c.workspaces().root,
            Path.of("/var/lib/zcbot/workspaces"),
            "/srv/ws",
            Path.of("/srv/ws"),
            "ws"),
        new SettingCase(
            "ZCBOT_WORKSPACE_SIZE",
            c -> c.workspaces().limit,
            null,
            "1g",
            new WorkspaceLimit(1 << 30, 65536),
            "1000k"),
        new SettingCase(
            "ZCBOT_SANDBOX_IDLE_TTL",
            c -> c.reaper().idleTtl,
            Duration.ofSeconds(300),
            "8",
            Duration.ofSeconds(8),
            "0"),
        new SettingCase(
            "ZCBOT_SANDBOX_IDLE_TTL_MIN",
            c -> c.reaper().shortestIdleTtl,
            Duration.ofSeconds(10),
            "2m",
            Duration.ofMinutes(2),
            "0"),
        new SettingCase(
            "ZCBOT_SANDBOX_IDLE_TTL_MAX",
            c -> c.reaper().longestIdleTtl,
            Duration.ofSeconds(300),
            "8h",
            Duration.ofHours(8),
            "31d"),
        new SettingCase(
            "ZCBOT_SANDBOX_NOTICE",
            c -> c.reaper().notice,
            null,
            "60s",
            Duration.ofMinutes(1),
            "soon"),
        new SettingCase(
            "ZCBOT_REAPER_INTERVAL",
            c -> c.reaper().interval,
            Duration.ofSeconds(10),
            "500ms",
            Duration.ofMillis(500),
            "99ms"),
        new SettingCase(
            "ZCBOT_SANDBOX_MAX_LIFETIME",
            c -> c.reaper().maxLifetime,
            Duration.ofDays(1),
            "2d",
            Duration.ofDays(2),
            "never"),
        new SettingCase(
            "ZCBOT_SANDBOX_EVICT_AFTER",
            c -> c.reaper().evictAfter,
            Duration.ofSeconds(60),
            "0",
            Duration.ZERO,
            "-1"),
        new SettingCase("ZCBOT_SANDBOX_MAX", c -> c.capacity().maxSandboxes, 64, "7", 7, "1.5"),
        new SettingCase(
            "ZCBOT_SANDBOX_UIDS",
            c -> c.capacity().uids,
            Optional.empty(),
            "70000-70063",
            Optional.of(new SandboxUids(70_000, 70_063)),
            "999-2000"),
        new SettingCase(
            "ZCBOT_SANDBOX_WARM",
            c -> c.capacity().warm,
            new Warm(2, 2),
            "4-40",
            new Warm(4, 40),
            "257"),
        new SettingCase(
            "ZCBOT_NEW_USERS_PER_MINUTE", c -> c.capacity().newUsersPerMinute, 120, "46", 46, "0"),
        new SettingCase(
            "ZCBOT_CREATE_CONCURRENCY", c -> c.capacity().createConcurrency, 4, "2", 2, "257"),
        new SettingCase(
            "ZCBOT_COMMANDS",
            c -> c.commands().mode,
            CommandsConfig.Mode.RUNNER,
            "Engine",
            CommandsConfig.Mode.ENGINE,
            "docker"),
        new SettingCase(
            "ZCBOT_COMMANDS_PER_SANDBOX", c -> c.commands().perSandbox, 8, "3", 3, "65"),
        new SettingCase(
            "ZCBOT_COMMAND_MAX_TIMEOUT",
            c -> c.commands().maxTimeout,
            Duration.ofHours(1),
            "10m",
            Duration.ofMinutes(10),
            "2d"),
        new SettingCase(
            "ZCBOT_ENSURE_EXPIRY",
            c -> c.group().ensureExpiry,
            Duration.ofSeconds(60),
            "2m",
            Duration.ofSeconds(120),
            "2d"),
        new SettingCase(
            "ZCBOT_REVOKE_TIMEOUT",
            c -> c.group().revokeTimeout,
            Duration.ofSeconds(10),
            "15s",
            Duration.ofSeconds(15),
            "1h"),
        new SettingCase(
            "ZCBOT_RESTART",
            c -> c.group().restart,
            GroupConfig.Restart.PURGE,
            "adopt",
            GroupConfig.Restart.ADOPT,
            "never"),
        new SettingCase(
            "ZCBOT_SANDBOX_HANDOVER",
            c -> c.group().handover,
            GroupConfig.Handover.LAZY,
            "eager",
            GroupConfig.Handover.EAGER,
            "soon"),
        new SettingCase(
            "ZCBOT_ENGINE_TIMEOUT",
            c -> c.engine().callTimeout,
            Duration.ofSeconds(30),
            "11s",
            Duration.ofSeconds(11),
            "0"),
        new SettingCase(
            "ZCBOT_READY_TIMEOUT",
            c -> c.engine().readyTimeout,
            Duration.ofSeconds(15),
            "12s",
            Duration.ofSeconds(12),
            "1h"),
        new SettingCase(
            "ZCBOT_FIREWALL_IMAGE",
            c -> c.engine().firewallImage,
            "zcbot-firewall:latest",
            "registry.example/firewall@sha256:0",
            "registry.example/firewall@sha256:0",
            "a b"),
        new SettingCase(
            "ZCBOT_EGRESS_IMAGE",
            c -> c.engine().egressImage,
            "zcbot-egress:latest",
            "registry.example/egress@sha256:0",
            "registry.example/egress@sha256:0",
            "a b"),
        new SettingCase(
            "ZCBOT_RUNTIME_IMAGE",
            c -> c.engine().runtimeImage,
            "zcbot-sandbox:latest",
            "registry.example/sandbox@sha256:0",
            "registry.example/sandbox@sha256:0",
            "a b"),
        new SettingCase(
            "ZCBOT_FIREWALL_INTERVAL",
            c -> c.engine().firewallInterval,
            Duration.ofSeconds(30),
            "21s",
            Duration.ofSeconds(21),
            "500ms"),
        new SettingCase(
            "ZCBOT_RECONCILE_INTERVAL",
            c -> c.engine().reconcileInterval,
            Duration.ofSeconds(30),
            "PT1M",
            Duration.ofSeconds(60),
            "0"),
        new SettingCase(
            "ZCBOT_ADVISORIES",
            c -> c.engine().advisories,
            null,
            "/etc/zcbot/advisories.txt",
            Path.of("/etc/zcbot/advisories.txt"),
            "advisories.txt"),
        new SettingCase(
            "ZCBOT_OPS_ADDRESS",
            c -> c.ops().address,
            new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 8080),
            "[::1]:0",
            new InetSocketAddress(InetAddress.ofLiteral("::1"), 0),
            "example.org:1"),
        new SettingCase(
            "ZCBOT_CONSOLE_ADDRESS",
            c -> c.ops().console.address,
            new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 8090),
            "[::1]:0",
            new InetSocketAddress(InetAddress.ofLiteral("::1"), 0),
            "example.org:1"),
        new SettingCase(
            "ZCBOT_CONSOLE_URL",
            c -> c.ops().console.url,
            null,
            "https://console.example/x",
            URI.create("https://console.example/x"),
            "ftp://console.example"),
        new SettingCase(
            "ZCBOT_GATEWAY_ADDRESS",
            c -> c.ops().gateway.address,
            new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 3000),
            "[::1]:0",
            new InetSocketAddress(InetAddress.ofLiteral("::1"), 0),
            "example.org:1"),
        new SettingCase(
            "ZCBOT_GATEWAY_OPS_ADDRESS",
            c -> c.ops().gateway.opsAddress,
            new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 3001),
            "[::1]:0",
            new InetSocketAddress(InetAddress.ofLiteral("::1"), 0),
            "3001"),
        new SettingCase(
            "ZCBOT_GATEWAY_DIRECTORY",
            c -> c.ops().gateway.directory,
            Path.of("/var/lib/zcbot/gateway"),
            "/srv/gateway",
            Path.of("/srv/gateway"),
            "gateway"),
        new SettingCase(
            "ZCBOT_GATEWAY_MAX_TIMEOUT",
            c -> c.ops().gateway.longestLife,
            Duration.ofHours(24),
            "1h",
            Duration.ofHours(1),
            "0s"),
        new SettingCase(
            "ZCBOT_GATEWAY_NAMES",
            c -> c.ops().gateway.names,
            List.of(),
            "mcp.example, agents.example.com",
            List.of("mcp.example", "agents.example.com"),
            "https://mcp.example"),
        new SettingCase(
            "ZCBOT_GATEWAY_TLS_CERTIFICATE",
            c -> c.ops().gateway.tlsCertificate,
            null,
            "/etc/zcbot/gateway.crt",
            Path.of("/etc/zcbot/gateway.crt"),
            "gateway.crt"),
        new SettingCase(
            "ZCBOT_GATEWAY_TLS_KEY",
            c -> c.ops().gateway.tlsKey,
            null,
            "/etc/zcbot/gateway.key",
            Path.of("/etc/zcbot/gateway.key"),
            "gateway.key"),
        new SettingCase(
            "ZCBOT_GATEWAY_DOMAIN",
            c -> c.ops().gateway.domain,
            "localhost:3000",
            "sandboxes.example",
            "sandboxes.example",
            "https://sandboxes.example"),
        new SettingCase(
            "ZCBOT_STOP_TIMEOUT",
            c -> c.ops().stopTimeout,
            Duration.ofSeconds(25),
            "14s",
            Duration.ofSeconds(14),
            "0"),
        new SettingCase(
            "ZCBOT_LOG_FORMAT",
            c -> c.ops().log.format(),
            LogConfig.Format.TEXT,
            "JSON",
            LogConfig.Format.JSON,
            "xml"),
        new SettingCase(
            "ZCBOT_LOG_LEVEL",
            c -> c.ops().log.level(),
            LogConfig.Level.INFO,
            "debug",
            LogConfig.Level.DEBUG,
            "loud"));
  }
}
