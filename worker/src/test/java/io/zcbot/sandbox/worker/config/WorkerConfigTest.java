/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import static io.zcbot.sandbox.worker.config.Environment.problem;
import static io.zcbot.sandbox.worker.config.Environment.problems;
import static io.zcbot.sandbox.worker.config.Environment.read;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.WorkspaceLimit;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class WorkerConfigTest {
  /**
   * What is known of a setting.
   *
   * @param read what becomes of it
   * @param fallback what that is when it is not set
   * @param value a value that is valid alone
   * @param expected what becomes of that
   * @param bad a value that is not allowed
   */
  private record Row(
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
  }

  static List<Row> rows() {
    return List.of(
        new Row("ZCBOT_WORKER_ID", WorkerConfig::workerId, "box-1", "w.1_a-b", "w.1_a-b", ".."),
        new Row("ZCBOT_HOST", WorkerConfig::host, "box-1", "host.example", "host.example", "a b"),
        new Row(
            "ZCBOT_ENGINE_ADDRESS",
            WorkerConfig::engineAddress,
            "unix:///var/run/docker.sock",
            "tcp://10.0.0.1:2376",
            "tcp://10.0.0.1:2376",
            "docker"),
        new Row(
            "ZCBOT_KAFKA_BOOTSTRAP_SERVERS",
            c -> c.kafka().bootstrapServers(),
            "127.0.0.1:9092",
            "k1:9092,k2:9092",
            "k1:9092,k2:9092",
            "kafka"),
        new Row("ZCBOT_GROUP", c -> c.kafka().groupId(), "sandbox-workers", "g", "g", "a/b"),
        new Row(
            "ZCBOT_TOPIC_PREFIX",
            c -> c.kafka().topicPrefix(),
            "sandbox.",
            "dev.sandbox.",
            "dev.sandbox.",
            "a/b"),
        new Row("ZCBOT_TOPICS_CREATE", c -> c.kafka().createTopics(), true, "no", false, "maybe"),
        new Row("ZCBOT_TOPICS_PARTITIONS", c -> c.kafka().partitions(), 12, "3", 3, "0"),
        new Row(
            "ZCBOT_TOPICS_REPLICATION",
            c -> c.kafka().replicationFactor(),
            (short) -1,
            "2",
            (short) 2,
            "0"),
        new Row(
            "ZCBOT_SANDBOX_IMAGE",
            c -> c.spec().image(),
            "zcbot-sandbox:latest",
            "registry:5000/zcbot/sandbox@sha256:abc",
            "registry:5000/zcbot/sandbox@sha256:abc",
            "-x"),
        new Row("ZCBOT_SANDBOX_RUNTIME", c -> c.spec().runtime(), null, "runsc", "runsc", "a b"),
        new Row(
            "ZCBOT_SANDBOX_MEMORY",
            c -> c.spec().limits().memoryBytes(),
            2L << 30,
            "1G",
            1L << 30,
            "lots"),
        new Row("ZCBOT_SANDBOX_CPUS", c -> c.spec().limits().cpus(), 1.0, "0.5", 0.5, "0"),
        new Row("ZCBOT_SANDBOX_PIDS", c -> c.spec().limits().pids(), 256L, "64", 64L, "1"),
        new Row(
            "ZCBOT_SANDBOX_TMP_SIZE",
            c -> c.spec().limits().tmpBytes(),
            512L << 20,
            "64MiB",
            64L << 20,
            "1023k"),
        new Row(
            "ZCBOT_SANDBOX_IO_WEIGHT", c -> c.spec().limits().ioWeight(), null, "200", 200, "9"),
        new Row(
            "ZCBOT_SANDBOX_NETWORK",
            c -> c.spec().network(),
            "zcbot-sandbox",
            "net",
            "net",
            "host"),
        new Row(
            "ZCBOT_SANDBOX_FIREWALL",
            c -> c.spec().policy().firewall(),
            FirewallMode.HOST,
            "Both",
            FirewallMode.BOTH,
            "none"),
        new Row(
            "ZCBOT_SANDBOX_EGRESS",
            c -> c.spec().policy().egress(),
            new Egress.Public(),
            "none",
            new Egress.None(),
            "private"),
        new Row(
            "ZCBOT_SANDBOX_DNS",
            c -> c.spec().policy().dns(),
            new Dns.EngineDefault(),
            "9.9.9.9 2620:fe::fe",
            new Dns.Resolvers(List.of("9.9.9.9", "2620:fe::fe")),
            "dns.example"),
        new Row(
            "ZCBOT_PG_IPS",
            c -> c.spec().policy().pgIps(),
            List.of(),
            "203.0.113.7, 198.51.100.0/24,203.0.113.7",
            List.of("203.0.113.7", "198.51.100.0/24"),
            "10.0.0.1,db"),
        new Row(
            "ZCBOT_WORKSPACE_ROOT",
            c -> c.workspaces().root,
            Path.of("/var/lib/zcbot/workspaces"),
            "/srv/ws",
            Path.of("/srv/ws"),
            "ws"),
        new Row(
            "ZCBOT_WORKSPACE_SIZE",
            c -> c.workspaces().limit,
            null,
            "1g",
            new WorkspaceLimit(1 << 30, 65536),
            "1000k"),
        new Row(
            "ZCBOT_SANDBOX_IDLE_TTL",
            c -> c.reaper().idleTtl,
            Duration.ofSeconds(300),
            "8",
            Duration.ofSeconds(8),
            "0"),
        new Row(
            "ZCBOT_REAPER_INTERVAL",
            c -> c.reaper().interval,
            Duration.ofSeconds(10),
            "500ms",
            Duration.ofMillis(500),
            "99ms"),
        new Row(
            "ZCBOT_SANDBOX_MAX_LIFETIME",
            c -> c.reaper().maxLifetime,
            null,
            "1d",
            Duration.ofDays(1),
            "never"),
        new Row(
            "ZCBOT_SANDBOX_EVICT_AFTER",
            c -> c.reaper().evictAfter,
            Duration.ofSeconds(60),
            "0",
            Duration.ZERO,
            "-1"),
        new Row("ZCBOT_SANDBOX_MAX", c -> c.capacity().maxSandboxes, 64, "7", 7, "1.5"),
        new Row("ZCBOT_SANDBOX_WARM", c -> c.capacity().warmSlots, 2, "6", 6, "65"),
        new Row(
            "ZCBOT_NEW_USERS_PER_MINUTE", c -> c.capacity().newUsersPerMinute, 120, "46", 46, "0"),
        new Row("ZCBOT_CREATE_CONCURRENCY", c -> c.capacity().createConcurrency, 4, "2", 2, "257"),
        new Row("ZCBOT_REAP_CONCURRENCY", c -> c.capacity().reapConcurrency, 4, "3", 3, "0"),
        new Row(
            "ZCBOT_ENSURE_EXPIRY",
            c -> c.group().ensureExpiry,
            Duration.ofSeconds(60),
            "2m",
            Duration.ofSeconds(120),
            "2d"),
        new Row("ZCBOT_MAX_OPEN_RECORDS", c -> c.group().maxOpenRecords, 1000, "13", 13, "0"),
        new Row(
            "ZCBOT_REVOKE_TIMEOUT",
            c -> c.group().revokeTimeout,
            Duration.ofSeconds(10),
            "15s",
            Duration.ofSeconds(15),
            "1h"),
        new Row(
            "ZCBOT_RESTART",
            c -> c.group().restart,
            GroupConfig.Restart.PURGE,
            "adopt",
            GroupConfig.Restart.ADOPT,
            "never"),
        new Row(
            "ZCBOT_SANDBOX_HANDOVER",
            c -> c.group().handover,
            GroupConfig.Handover.LAZY,
            "eager",
            GroupConfig.Handover.EAGER,
            "soon"),
        new Row(
            "ZCBOT_ENGINE_TIMEOUT",
            c -> c.engine().callTimeout,
            Duration.ofSeconds(30),
            "11s",
            Duration.ofSeconds(11),
            "0"),
        new Row(
            "ZCBOT_READY_TIMEOUT",
            c -> c.engine().readyTimeout,
            Duration.ofSeconds(15),
            "12s",
            Duration.ofSeconds(12),
            "1h"),
        new Row(
            "ZCBOT_PULL_TIMEOUT",
            c -> c.engine().pullTimeout,
            Duration.ofSeconds(120),
            "45",
            Duration.ofSeconds(45),
            "0"),
        new Row("ZCBOT_LOOKUP_CONCURRENCY", c -> c.engine().lookupConcurrency, 32, "5", 5, "x"),
        new Row(
            "ZCBOT_FIREWALL_INTERVAL",
            c -> c.engine().firewallInterval,
            Duration.ofSeconds(30),
            "21s",
            Duration.ofSeconds(21),
            "500ms"),
        new Row(
            "ZCBOT_RECONCILE_INTERVAL",
            c -> c.engine().reconcileInterval,
            Duration.ofSeconds(30),
            "PT1M",
            Duration.ofSeconds(60),
            "0"),
        new Row(
            "ZCBOT_OPS_ADDRESS",
            c -> c.ops().address,
            new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 8080),
            "[::1]:0",
            new InetSocketAddress(InetAddress.ofLiteral("::1"), 0),
            "example.org:1"),
        new Row("ZCBOT_METRICS_KAFKA", c -> c.ops().kafkaMetrics, true, "off", false, "some"),
        new Row(
            "ZCBOT_STOP_TIMEOUT",
            c -> c.ops().stopTimeout,
            Duration.ofSeconds(25),
            "14s",
            Duration.ofSeconds(14),
            "0"),
        new Row(
            "ZCBOT_LOG_FORMAT",
            c -> c.ops().log.format(),
            LogConfig.Format.TEXT,
            "JSON",
            LogConfig.Format.JSON,
            "xml"),
        new Row(
            "ZCBOT_LOG_LEVEL",
            c -> c.ops().log.level(),
            LogConfig.Level.INFO,
            "debug",
            LogConfig.Level.DEBUG,
            "loud"));
  }

  @ParameterizedTest
  @MethodSource("rows")
  void aSettingHasADefault(Row row) throws Exception {
    assertThat(row.read.apply(read())).isEqualTo(row.fallback);
    assertThat(row.read.apply(read(row.key, " "))).as("set to nothing").isEqualTo(row.fallback);
  }

  @ParameterizedTest
  @MethodSource("rows")
  void aValidValueAloneIsRead(Row row) throws Exception {
    assertThat(row.read.apply(read(row.key, row.value))).isEqualTo(row.expected);
  }

  /** What is allowed is worded by the setting's kind; see KindTest. */
  @ParameterizedTest
  @MethodSource("rows")
  void aBadValueIsRefusedWithWhatIsAllowed(Row row) {
    assertThat(problem(row.key, row.bad))
        .startsWith(row.key + "=" + row.bad + ": ")
        .contains("must be ");
  }

  @Test
  void everySettingIsTested() {
    Set<String> tested =
        rows().stream().map(Row::key).collect(Collectors.toCollection(TreeSet::new));
    tested.add("ZCBOT_KAFKA_PROPERTIES_FILE");
    tested.add("ZCBOT_WORKSPACE_FILES");
    assertThat(Setting.all().stream().map(Setting::key))
        .containsExactlyInAnyOrderElementsOf(tested);
  }

  @Test
  void otherProgramsKeysAreIgnored() throws Exception {
    assertThat(
            read(
                    "ZCBOT_STANDALONE_DATA", "./data",
                    "ZCBOT_TEST_X", "1",
                    "ZCBOT_DEMO_X", "1",
                    "ZCBOT_BENCH_X", "1",
                    "PATH", "/bin")
                .workerId())
        .isEqualTo("box-1");
  }

  @Test
  void dockerHostIsTheDefaultOfTheEnginesAddress() throws Exception {
    assertThat(read("DOCKER_HOST", "tcp://docker:2375").engineAddress())
        .isEqualTo("tcp://docker:2375");
    assertThat(
            read("DOCKER_HOST", "tcp://docker:2375", "ZCBOT_ENGINE_ADDRESS", "unix:///x.sock")
                .engineAddress())
        .isEqualTo("unix:///x.sock");
  }

  @Test
  void theWorkerItselfUsesDockerHost() throws Exception {
    assertThat(read().engine().dockerHost).isNull();
    assertThat(
            read("DOCKER_HOST", "tcp://docker:2375", "ZCBOT_ENGINE_ADDRESS", "unix:///x.sock")
                .engine()
                .dockerHost)
        .isEqualTo("tcp://docker:2375");
  }

  @Test
  void aDefaultFromOutsideThatIsNotAllowedIsAProblem() {
    assertThat(problem("DOCKER_HOST", "docker"))
        .startsWith("ZCBOT_ENGINE_ADDRESS=docker (default, DOCKER_HOST): must be an address")
        .endsWith("; set ZCBOT_ENGINE_ADDRESS");
    assertThatThrownBy(() -> WorkerConfig.fromEnvironment(Map.of(), () -> "(none)"))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith(
            "1 setting is invalid:\n  ZCBOT_WORKER_ID=(none) (default, the host's name): must be"
                + " 1 to 128 letters")
        .hasMessageEndingWith("; set ZCBOT_WORKER_ID");
  }

  @Test
  void aWorkspaceOfLimitedSizeHasALimitOnFilesToo() throws Exception {
    assertThat(read("ZCBOT_WORKSPACE_SIZE", "1m").workspaces().limit)
        .isEqualTo(new WorkspaceLimit(1 << 20, 1000));
    assertThat(read("ZCBOT_WORKSPACE_SIZE", "2500000").workspaces().limit)
        .as("whole MiB")
        .isEqualTo(new WorkspaceLimit(2 << 20, 1000));
    assertThat(
            read("ZCBOT_WORKSPACE_SIZE", "10g", "ZCBOT_WORKSPACE_FILES", "5000000000")
                .workspaces()
                .limit)
        .isEqualTo(new WorkspaceLimit(10L << 30, 5_000_000_000L));
    assertThat(problem("ZCBOT_WORKSPACE_FILES", "500"))
        .contains("has an effect only together with ZCBOT_WORKSPACE_SIZE: set that as well");
    assertThat(problems("ZCBOT_WORKSPACE_SIZE", "1g", "ZCBOT_WORKSPACE_FILES", "99"))
        .singleElement()
        .asString()
        .contains("must be a whole number from 100");
  }

  @Test
  void someSettingsCanBeOff() throws Exception {
    assertThat(read("ZCBOT_OPS_ADDRESS", "off").ops().address).isNull();
    assertThat(read("ZCBOT_WORKSPACE_SIZE", "off").workspaces().limit).isNull();
    assertThat(read("ZCBOT_SANDBOX_MAX_LIFETIME", "OFF").reaper().maxLifetime).isNull();
  }

  @Test
  void allProblemsAreReportedTogether() {
    assertThatThrownBy(
            () ->
                read(
                    "ZCBOT_SANDBOX_MEMORY", "lots",
                    "ZCBOT_SANDBOX_MAX", "0",
                    "ZCBOT_SANDBOX_MEMROY", "1g",
                    "ZCBOT_KAFKA_ACKS", "1",
                    "ZCBOT_REAPER_INTERVAL", "10m"))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith("5 settings are invalid:\n")
        .hasMessageContainingAll(
            "\n  ZCBOT_KAFKA_ACKS=1: the Kafka property acks must be all or -1",
            "\n  ZCBOT_SANDBOX_MEMORY=lots: must be ",
            "\n  ZCBOT_SANDBOX_MAX=0: must be ",
            "\n  ZCBOT_REAPER_INTERVAL=10m: must not be longer than ZCBOT_SANDBOX_IDLE_TTL, which"
                + " is"
                + " 5m",
            "\n  ZCBOT_SANDBOX_MEMROY=…: there is no such setting; did you mean"
                + " ZCBOT_SANDBOX_MEMORY?");
  }

  @Test
  void tmpMustFitIntoTheMemory() {
    assertThat(problems("ZCBOT_SANDBOX_MEMORY", "512m", "ZCBOT_SANDBOX_TMP_SIZE", "512m"))
        .singleElement()
        .hasToString(
            "ZCBOT_SANDBOX_TMP_SIZE=512m: must be smaller than ZCBOT_SANDBOX_MEMORY, which is 512m:"
                + " a full /tmp would use up the sandbox's memory");
  }

  /** A value that is allowed alone is not refused because of a default. */
  @Test
  void defaultsAdaptToWhatIsSet() throws Exception {
    assertThat(read("ZCBOT_SANDBOX_IDLE_TTL", "8").reaper().interval)
        .isEqualTo(Duration.ofSeconds(8));
    assertThat(read("ZCBOT_SANDBOX_IDLE_TTL", "1h").reaper().interval)
        .isEqualTo(Duration.ofSeconds(10));
    assertThat(read("ZCBOT_SANDBOX_MEMORY", "512m").spec().limits().tmpBytes())
        .isEqualTo(256L << 20);
    assertThat(read("ZCBOT_SANDBOX_MEMORY", "64m").spec().limits().tmpBytes()).isEqualTo(32L << 20);
    assertThat(read("ZCBOT_SANDBOX_MEMORY", "1g").spec().limits().tmpBytes()).isEqualTo(512L << 20);
  }
}
