/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.zcbot.sandbox.worker.config.ConfigException.Problem;
import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.spec.WorkspaceLimit;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class WorkerConfigTest {
  private static WorkerConfig read(String... keysAndValues) throws ConfigException {
    return WorkerConfig.fromEnvironment(env(keysAndValues), () -> "box-1");
  }

  private static Map<String, String> env(String... keysAndValues) {
    Map<String, String> env = new HashMap<>();
    for (int i = 0; i < keysAndValues.length; i += 2) {
      env.put(keysAndValues[i], keysAndValues[i + 1]);
    }
    return env;
  }

  private static List<Problem> problems(String... keysAndValues) {
    return catchThrowableOfType(ConfigException.class, () -> read(keysAndValues)).problems();
  }

  private static String problem(String key, String value) {
    List<Problem> problems = problems(key, value);
    assertThat(problems).hasSize(1);
    return problems.getFirst().toString();
  }

  @Test
  void anEmptyEnvironmentGivesEveryDefault() throws Exception {
    WorkerConfig config = read();

    assertThat(config.workerId()).isEqualTo("box-1");
    assertThat(config.host()).isEqualTo("box-1");
    assertThat(config.engineAddress()).isEqualTo("unix:///var/run/docker.sock");
    assertThat(config.kafka())
        .isEqualTo(
            new KafkaConfig(
                Map.of("bootstrap.servers", "127.0.0.1:9092"),
                "sandbox-workers",
                "sandbox.",
                true,
                12,
                (short) -1));
    assertThat(config.spec())
        .isEqualTo(
            new SandboxSpec(
                "zcbot-sandbox:latest",
                null,
                2L << 30,
                1.0,
                256,
                512L << 20,
                null,
                "zcbot-sandbox",
                NetworkPolicy.DEFAULT));
    assertThat(config.workspaceRoot()).isEqualTo(Path.of("/var/lib/zcbot/workspaces"));
    assertThat(config.lifecycle())
        .isEqualTo(
            new Lifecycle(
                Duration.ofMinutes(5),
                Duration.ofSeconds(10),
                Duration.ofSeconds(30),
                Duration.ofSeconds(30),
                null,
                Duration.ofSeconds(60),
                Duration.ofSeconds(60),
                Lifecycle.Restart.PURGE,
                Lifecycle.Handover.LAZY,
                Duration.ofSeconds(10)));
    assertThat(config.limits())
        .isEqualTo(
            new Limits(
                64,
                4,
                4,
                32,
                Duration.ofSeconds(30),
                Duration.ofSeconds(15),
                1000,
                Duration.ofMinutes(2),
                120,
                2));
    assertThat(config.opsAddress())
        .isEqualTo(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 8080));
    assertThat(config.kafkaMetrics()).isTrue();
    assertThat(config.stopTimeout()).isEqualTo(Duration.ofSeconds(25));
    assertThat(config.log()).isEqualTo(new LogConfig(LogConfig.Format.TEXT, LogConfig.Level.INFO));
  }

  @Test
  void everyKeyIsRead() throws Exception {
    WorkerConfig config =
        read(
            "ZCBOT_WORKER_ID", "w.1_a-b",
            "ZCBOT_HOST", "host.example",
            "ZCBOT_ENGINE_ADDRESS", "tcp://10.0.0.1:2376",
            "ZCBOT_KAFKA_BOOTSTRAP_SERVERS", "k1:9092,k2:9092",
            "ZCBOT_KAFKA_SECURITY_PROTOCOL", "SASL_SSL",
            "ZCBOT_GROUP", "g",
            "ZCBOT_TOPIC_PREFIX", "dev.sandbox.",
            "ZCBOT_TOPICS_CREATE", "false",
            "ZCBOT_TOPICS_PARTITIONS", "3",
            "ZCBOT_TOPICS_REPLICATION", "2",
            "ZCBOT_SANDBOX_IMAGE", "registry:5000/zcbot/sandbox@sha256:abc",
            "ZCBOT_SANDBOX_RUNTIME", "runsc",
            "ZCBOT_SANDBOX_IDLE_TTL", "20s",
            "ZCBOT_SANDBOX_MEMORY", "1G",
            "ZCBOT_SANDBOX_CPUS", "0.5",
            "ZCBOT_SANDBOX_PIDS", "64",
            "ZCBOT_SANDBOX_TMP_SIZE", "64MiB",
            "ZCBOT_SANDBOX_IO_WEIGHT", "200",
            "ZCBOT_SANDBOX_NETWORK", "net",
            "ZCBOT_SANDBOX_FIREWALL", "both",
            "ZCBOT_SANDBOX_EGRESS", "192.0.2.0/24,10.1.2.3 2001:db8:1::/48",
            "ZCBOT_SANDBOX_DNS", "9.9.9.9 2620:fe::fe",
            "ZCBOT_PG_IPS", "203.0.113.7, 198.51.100.0/24,203.0.113.7,2001:db8::/32",
            "ZCBOT_SANDBOX_MAX", "7",
            "ZCBOT_SANDBOX_WARM", "6",
            "ZCBOT_SANDBOX_MAX_LIFETIME", "1d",
            "ZCBOT_SANDBOX_EVICT_AFTER", "0",
            "ZCBOT_RESTART", "adopt",
            "ZCBOT_SANDBOX_HANDOVER", "eager",
            "ZCBOT_REVOKE_TIMEOUT", "15s",
            "ZCBOT_WORKSPACE_ROOT", "/srv/ws",
            "ZCBOT_WORKSPACE_SIZE", "10g",
            "ZCBOT_WORKSPACE_FILES", "5000000000",
            "ZCBOT_REAPER_INTERVAL", "500ms",
            "ZCBOT_RECONCILE_INTERVAL", "PT1M",
            "ZCBOT_FIREWALL_INTERVAL", "21s",
            "ZCBOT_ENSURE_EXPIRY", "2m",
            "ZCBOT_NEW_USERS_PER_MINUTE", "46",
            "ZCBOT_CREATE_CONCURRENCY", "2",
            "ZCBOT_REAP_CONCURRENCY", "3",
            "ZCBOT_LOOKUP_CONCURRENCY", "5",
            "ZCBOT_ENGINE_TIMEOUT", "11s",
            "ZCBOT_READY_TIMEOUT", "12s",
            "ZCBOT_MAX_OPEN_RECORDS", "13",
            "ZCBOT_PULL_TIMEOUT", "45",
            "ZCBOT_OPS_ADDRESS", "[::1]:0",
            "ZCBOT_METRICS_KAFKA", "off",
            "ZCBOT_STOP_TIMEOUT", "14s",
            "ZCBOT_LOG_FORMAT", "JSON",
            "ZCBOT_LOG_LEVEL", "debug");

    assertThat(config)
        .isEqualTo(
            new WorkerConfig(
                "w.1_a-b",
                "host.example",
                "tcp://10.0.0.1:2376",
                new KafkaConfig(
                    Map.of("bootstrap.servers", "k1:9092,k2:9092", "security.protocol", "SASL_SSL"),
                    "g",
                    "dev.sandbox.",
                    false,
                    3,
                    (short) 2),
                new SandboxSpec(
                    "registry:5000/zcbot/sandbox@sha256:abc",
                    "runsc",
                    1L << 30,
                    0.5,
                    64,
                    64L << 20,
                    200,
                    "net",
                    new NetworkPolicy(
                        FirewallMode.BOTH,
                        new Egress.Only(List.of("192.0.2.0/24", "10.1.2.3", "2001:db8:1::/48")),
                        new Dns.Resolvers(List.of("9.9.9.9", "2620:fe::fe")),
                        List.of("203.0.113.7", "198.51.100.0/24", "2001:db8::/32"))),
                Path.of("/srv/ws"),
                new WorkspaceLimit(10L << 30, 5_000_000_000L),
                new Lifecycle(
                    Duration.ofSeconds(20),
                    Duration.ofMillis(500),
                    Duration.ofMinutes(1),
                    Duration.ofSeconds(21),
                    Duration.ofDays(1),
                    Duration.ZERO,
                    Duration.ofMinutes(2),
                    Lifecycle.Restart.ADOPT,
                    Lifecycle.Handover.EAGER,
                    Duration.ofSeconds(15)),
                new Limits(
                    7,
                    2,
                    3,
                    5,
                    Duration.ofSeconds(11),
                    Duration.ofSeconds(12),
                    13,
                    Duration.ofSeconds(45),
                    46,
                    6),
                new InetSocketAddress(InetAddress.ofLiteral("::1"), 0),
                false,
                Duration.ofSeconds(14),
                new LogConfig(LogConfig.Format.JSON, LogConfig.Level.DEBUG)));
  }

  @Test
  void anEmptyValueCountsAsNotSet() throws Exception {
    assertThat(read("ZCBOT_SANDBOX_MEMORY", " ", "ZCBOT_KAFKA_BOOTSTRAP_SERVERS", ""))
        .isEqualTo(read());
  }

  @Test
  void otherProgramsKeysAreLeftAlone() throws Exception {
    assertThat(
            read(
                "ZCBOT_STANDALONE_DATA", "./data",
                "ZCBOT_TEST_X", "1",
                "ZCBOT_DEMO_X", "1",
                "ZCBOT_BENCH_X", "1",
                "PATH", "/bin"))
        .isEqualTo(read());
  }

  @Test
  void dockerHostIsTheEnginesDefault() throws Exception {
    assertThat(read("DOCKER_HOST", "tcp://docker:2375").engineAddress())
        .isEqualTo("tcp://docker:2375");
    assertThat(
            read("DOCKER_HOST", "tcp://docker:2375", "ZCBOT_ENGINE_ADDRESS", "unix:///x.sock")
                .engineAddress())
        .isEqualTo("unix:///x.sock");
  }

  @Test
  void aBadComputedDefaultIsAProblemToo() {
    assertThat(problem("DOCKER_HOST", "docker"))
        .isEqualTo(
            "ZCBOT_ENGINE_ADDRESS=docker (default, DOCKER_HOST): must be an address such as"
                + " unix:///var/run/docker.sock, tcp://host:port or ssh://user@host; set"
                + " ZCBOT_ENGINE_ADDRESS");
    assertThatThrownBy(() -> WorkerConfig.fromEnvironment(Map.of(), () -> "(none)"))
        .isInstanceOf(ConfigException.class)
        .hasMessage(
            "1 setting can't be used:\n"
                + "  ZCBOT_WORKER_ID=(none) (default, the host's name): must be 1 to 128 letters,"
                + " digits, dots, dashes, underscores, the first no dot; set ZCBOT_WORKER_ID");
  }

  @Test
  void aWorkspaceOfLimitedSizeHasALimitOnFilesToo() throws Exception {
    assertThat(read().workspaceLimit()).isNull();
    assertThat(read("ZCBOT_WORKSPACE_SIZE", "off").workspaceLimit()).isNull();
    assertThat(read("ZCBOT_WORKSPACE_SIZE", "1g").workspaceLimit())
        .isEqualTo(new WorkspaceLimit(1 << 30, 65536));
    assertThat(read("ZCBOT_WORKSPACE_SIZE", "1m").workspaceLimit())
        .isEqualTo(new WorkspaceLimit(1 << 20, 1000));
    assertThat(read("ZCBOT_WORKSPACE_SIZE", "2500000").workspaceLimit())
        .as("whole MiB")
        .isEqualTo(new WorkspaceLimit(2 << 20, 1000));
    assertThat(problem("ZCBOT_WORKSPACE_FILES", "500"))
        .contains("is for workspaces of a limited size: set ZCBOT_WORKSPACE_SIZE as well");
  }

  @Test
  void opsCanBeOff() throws Exception {
    assertThat(read("ZCBOT_OPS_ADDRESS", "off").opsAddress()).isNull();
    assertThat(read("ZCBOT_OPS_ADDRESS", "localhost:1").opsAddress())
        .isEqualTo(new InetSocketAddress(InetAddress.getLoopbackAddress(), 1));
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
        .hasMessage(
            """
            5 settings can't be used:
              ZCBOT_SANDBOX_MEMROY=…: there is no such setting; did you mean ZCBOT_SANDBOX_MEMORY?
              ZCBOT_KAFKA_ACKS=1: the Kafka property acks must be all or -1: with less a published \
            result can be lost
              ZCBOT_SANDBOX_MEMORY=lots: must be a size from 64m to 1t, e.g. 512m or 2g
              ZCBOT_SANDBOX_MAX=0: must be a whole number from 1 to 100000
              ZCBOT_REAPER_INTERVAL=10m: must not be longer than ZCBOT_SANDBOX_IDLE_TTL, which is \
            5m""");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          ZCBOT_WORKER_ID            | a b           | must be 1 to 128 letters, digits, dots, dashes, underscores, the first no dot
          ZCBOT_WORKER_ID            | ..            | must be 1 to 128 letters, digits, dots, dashes, underscores, the first no dot
          ZCBOT_HOST                 | a b           | must be 1 to 255 characters without blanks
          ZCBOT_ENGINE_ADDRESS       | docker        | must be an address such as unix:///var/run/docker.sock, tcp://host:port or ssh://user@host
          ZCBOT_KAFKA_BOOTSTRAP_SERVERS | kafka      | must be host:port pairs, separated by commas
          ZCBOT_KAFKA_PROPERTIES_FILE| rel.properties | must be an absolute path of a readable Java properties file
          ZCBOT_GROUP                | a/b           | must be 1 to 200 letters, digits, dots, dashes, underscores
          ZCBOT_TOPIC_PREFIX         | a/b           | must be 1 to 200 letters, digits, dots, dashes, underscores
          ZCBOT_TOPICS_CREATE        | maybe         | must be true or false
          ZCBOT_TOPICS_PARTITIONS    | 0             | must be a whole number from 1 to 10000
          ZCBOT_TOPICS_REPLICATION   | 0             | must be a whole number from 1 to 32767, or -1 for the broker's default
          ZCBOT_SANDBOX_IMAGE        | -x            | must be an image reference
          ZCBOT_SANDBOX_RUNTIME      | a b           | must be the name of an OCI runtime
          ZCBOT_SANDBOX_IDLE_TTL     | 5 minutes     | must be a duration from 1s to 30d, e.g. 300 (seconds), 90s, 5m, 2h or PT5M
          ZCBOT_SANDBOX_MEMORY       | 63m           | must be a size from 64m to 1t, e.g. 512m or 2g
          ZCBOT_SANDBOX_CPUS         | 0             | must be a number from 0.01 to 1024, e.g. 1.5
          ZCBOT_SANDBOX_PIDS         | 1             | must be a whole number from 16 to 4194304
          ZCBOT_SANDBOX_TMP_SIZE     | 1023k         | must be a size from 1m to 1t, e.g. 512m or 2g
          ZCBOT_SANDBOX_IO_WEIGHT    | 9             | must be a whole number from 10 to 1000
          ZCBOT_SANDBOX_NETWORK      | host          | must be the name of a bridge network of its own (not bridge, host, none or default)
          ZCBOT_SANDBOX_FIREWALL     | none          | must be one of container, host, both
          ZCBOT_SANDBOX_EGRESS       | private       | 'private' is neither an IP address nor a network in CIDR form (host names are not looked up); must be IP addresses and networks, separated by commas, e.g. 10.1.2.3,192.0.2.0/24,2001:db8::/32
          ZCBOT_SANDBOX_DNS          | dns.example   | 'dns.example' is no IP address; must be IP addresses, separated by commas
          ZCBOT_PG_IPS               | 10.0.0.1,db   | 'db' is neither an IP address nor a network in CIDR form (host names are not looked up); must be IP addresses and networks, separated by commas, e.g. 10.1.2.3,192.0.2.0/24,2001:db8::/32
          ZCBOT_SANDBOX_WARM         | 65            | must be a whole number from 0 to 64
          ZCBOT_SANDBOX_MAX          | 1.5           | must be a whole number from 1 to 100000
          ZCBOT_SANDBOX_MAX_LIFETIME | never         | must be a duration from 1s to 365d, e.g. 300 (seconds), 90s, 5m, 2h or PT5M, or off
          ZCBOT_SANDBOX_EVICT_AFTER  | -1            | must be a duration from 0s to 30d, e.g. 300 (seconds), 90s, 5m, 2h or PT5M
          ZCBOT_RESTART              | never         | must be one of purge, adopt
          ZCBOT_SANDBOX_HANDOVER     | soon          | must be one of lazy, eager
          ZCBOT_REVOKE_TIMEOUT       | 1h            | must be a duration from 100ms to 50s, e.g. 300 (seconds), 90s, 5m, 2h or PT5M
          ZCBOT_WORKSPACE_ROOT       | ws            | must be an absolute path without . or .. that is not the root, e.g. /var/lib/zcbot/workspaces
          ZCBOT_WORKSPACE_SIZE       | 1000k         | must be a size from 1m to 1024t, e.g. 512m or 2g, or off
          ZCBOT_WORKSPACE_FILES      | 99            | must be a whole number from 100 to 1000000000000
          ZCBOT_REAPER_INTERVAL      | 99ms          | must be a duration from 100ms to 1h, e.g. 300 (seconds), 90s, 5m, 2h or PT5M
          ZCBOT_RECONCILE_INTERVAL   | 0             | must be a duration from 100ms to 1h, e.g. 300 (seconds), 90s, 5m, 2h or PT5M
          ZCBOT_FIREWALL_INTERVAL    | 500ms         | must be a duration from 1s to 1h, e.g. 300 (seconds), 90s, 5m, 2h or PT5M
          ZCBOT_ENSURE_EXPIRY        | 2d            | must be a duration from 1s to 1d, e.g. 300 (seconds), 90s, 5m, 2h or PT5M
          ZCBOT_NEW_USERS_PER_MINUTE | 0             | must be a whole number from 1 to 1000000
          ZCBOT_CREATE_CONCURRENCY   | 257           | must be a whole number from 1 to 256
          ZCBOT_REAP_CONCURRENCY     | 0             | must be a whole number from 1 to 256
          ZCBOT_LOOKUP_CONCURRENCY   | x             | must be a whole number from 1 to 1024
          ZCBOT_ENGINE_TIMEOUT       | 0             | must be a duration from 1s to 10m, e.g. 300 (seconds), 90s, 5m, 2h or PT5M
          ZCBOT_READY_TIMEOUT        | 1h            | must be a duration from 1s to 10m, e.g. 300 (seconds), 90s, 5m, 2h or PT5M
          ZCBOT_PULL_TIMEOUT         | 0             | must be a duration from 1s to 1h, e.g. 300 (seconds), 90s, 5m, 2h or PT5M
          ZCBOT_MAX_OPEN_RECORDS     | 0             | must be a whole number from 1 to 1000000
          ZCBOT_OPS_ADDRESS          | example.org:1 | must be an IP address or localhost, and a port, e.g. 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8080, or off
          ZCBOT_METRICS_KAFKA        | some          | must be true or false
          ZCBOT_STOP_TIMEOUT         | 0             | must be a duration from 1s to 1h, e.g. 300 (seconds), 90s, 5m, 2h or PT5M
          ZCBOT_LOG_FORMAT           | xml           | must be one of text, json
          ZCBOT_LOG_LEVEL            | loud          | must be one of error, warn, info, debug, trace
          """)
  void eachKeySaysWhatIsAllowed(String key, String value, String allowed) {
    assertThat(problem(key, value)).isEqualTo(key + "=" + value + ": " + allowed);
  }

  @Test
  void everyKeyHasAnErrorTextTest() throws Exception {
    CsvSource table =
        WorkerConfigTest.class
            .getDeclaredMethod("eachKeySaysWhatIsAllowed", String.class, String.class, String.class)
            .getAnnotation(CsvSource.class);
    assertThat(table).isNotNull();
    assertThat(Setting.ALL).allSatisfy(s -> assertThat(table.textBlock()).contains(s.key()));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "10.0.0.300",
        "010.0.0.1",
        "10.0.0",
        "167772161",
        "0x0a000001",
        "10.0.0.1/33",
        "10.0.0.1/",
        "10.0.0.1/-1",
        "10.0.0.1/255.0.0.0",
        "::1/129",
        ":::",
        "fe80::1%eth0",
        "::ffff:10.0.0.1",
        "[::1]",
        "localhost",
        "db.internal",
        "10.0.0.1:5432",
        "; rm -rf /"
      })
  void whatIsNoAddressIsRefusedWithoutALookUp(String text) {
    assertThat(problem("ZCBOT_PG_IPS", text)).contains("is neither an IP address nor a network");
  }

  @ParameterizedTest
  @CsvSource({
    "300,300000", "0,-1", "90s,90000", "5m,300000", "2h,7200000", "1D,86400000", "1500ms,1500",
    "PT5M,300000", "pt1.5s,1500", "-5,-1", "5 m,-1", "999999999999d,-1", "PT-5S,-1", "1e3,-1"
  })
  void durations(String text, long millis) throws Exception {
    if (millis < 0) {
      assertThat(problem("ZCBOT_STOP_TIMEOUT", text)).contains("must be a duration");
    } else if (millis <= 3_600_000) {
      assertThat(read("ZCBOT_STOP_TIMEOUT", text).stopTimeout()).hasMillis(millis);
    } else {
      assertThat(read("ZCBOT_SANDBOX_IDLE_TTL", text).lifecycle().idleTtl()).hasMillis(millis);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1073741824,1073741824",
    "1073741824b,1073741824",
    "1048576k,1073741824",
    "1024mb,1073741824",
    "1GiB,1073741824",
    "1t,1099511627776",
    "1.5g,-1",
    "-1g,-1",
    "g,-1",
    "999999999999999t,-1",
    "0x40000000,-1"
  })
  void sizes(String text, long bytes) throws Exception {
    if (bytes < 0) {
      assertThat(problem("ZCBOT_SANDBOX_MEMORY", text)).contains("must be a size");
    } else {
      assertThat(read("ZCBOT_SANDBOX_MEMORY", text).spec().memoryBytes()).isEqualTo(bytes);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"/", "relative", "/a/../b", "/a/./b", "/..", "/a/.."})
  void anUnsafeWorkspaceRootIsRefused(String path) {
    assertThat(problem("ZCBOT_WORKSPACE_ROOT", path)).contains("must be an absolute path");
  }

  @Test
  void egressAndDnsPolicies() throws Exception {
    assertThat(policy("ZCBOT_SANDBOX_EGRESS", "NONE").egress()).isEqualTo(new Egress.None());
    assertThat(policy("ZCBOT_SANDBOX_EGRESS", "public").egress()).isEqualTo(new Egress.Public());
    assertThat(policy("ZCBOT_SANDBOX_EGRESS", "10.0.0.0/8, 192.0.2.1").egress())
        .isEqualTo(new Egress.Only(List.of("10.0.0.0/8", "192.0.2.1")));
    assertThat(policy("ZCBOT_SANDBOX_DNS", "Off").dns()).isEqualTo(new Dns.Off());
    assertThat(policy("ZCBOT_SANDBOX_DNS", "").dns()).isEqualTo(new Dns.EngineDefault());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "169.254.169.254",
        "169.254.0.0/16",
        "127.0.0.1",
        "224.0.0.0/4",
        "0.0.0.0",
        "fe80::1",
        "::1"
      })
  void anAllowListOpensNeitherMetadataNorTheHost(String network) {
    assertThat(problem("ZCBOT_SANDBOX_EGRESS", "192.0.2.1," + network))
        .contains("'" + network + "' is never opened");
  }

  @ParameterizedTest
  @ValueSource(strings = {"0.0.0.0/0", "::/0"})
  void anAllowListOfEverythingIsRefused(String network) {
    assertThat(problem("ZCBOT_SANDBOX_EGRESS", network)).contains("is everything; that is public");
  }

  private static NetworkPolicy policy(String key, String value) throws ConfigException {
    return read(key, value).spec().policy();
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
    assertThat(read("ZCBOT_SANDBOX_IDLE_TTL", "8").lifecycle().reaperInterval())
        .isEqualTo(Duration.ofSeconds(8));
    assertThat(read("ZCBOT_SANDBOX_IDLE_TTL", "1h").lifecycle().reaperInterval())
        .isEqualTo(Duration.ofSeconds(10));
    assertThat(read("ZCBOT_SANDBOX_MEMORY", "512m").spec().tmpBytes()).isEqualTo(256L << 20);
    assertThat(read("ZCBOT_SANDBOX_MEMORY", "64m").spec().tmpBytes()).isEqualTo(32L << 20);
    assertThat(read("ZCBOT_SANDBOX_MEMORY", "1g").spec().tmpBytes()).isEqualTo(512L << 20);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          KEY_SERIALIZER            | x       | the Kafka property key.serializer can't be set: the worker writes bytes of its own
          VALUE_DESERIALIZER        | x       | the Kafka property value.deserializer can't be set: the worker reads bytes, so that it can keep bad ones
          GROUP_ID                  | x       | the Kafka property group.id can't be set: set ZCBOT_GROUP instead
          GROUP_INSTANCE_ID         | x       | the Kafka property group.instance.id can't be set: set ZCBOT_WORKER_ID instead
          CLIENT_ID                 | x       | the Kafka property client.id can't be set: it is derived from ZCBOT_WORKER_ID
          TRANSACTIONAL_ID          | x       | the Kafka property transactional.id can't be set: the worker publishes without transactions
          AUTO_OFFSET_RESET         | latest  | the Kafka property auto.offset.reset can't be set: a new group must begin with the oldest ensure
          PARTITIONER_CLASS         | x       | the Kafka property partitioner.class can't be set: a user's records must lie in the key's own partition
          ISOLATION_LEVEL           | read_committed | the Kafka property isolation.level must be read_uncommitted: a transaction that hangs would hide later activity, and users would be reaped as idle
          ENABLE_AUTO_COMMIT        | true    | the Kafka property enable.auto.commit must be false: an offset is committed only behind finished work
          ALLOW_AUTO_CREATE_TOPICS  | true    | the Kafka property allow.auto.create.topics must be false: all topics must have the same partition count
          ACKS                      | 0       | the Kafka property acks must be all or -1: with less a published result can be lost
          ENABLE_IDEMPOTENCE        | false   | the Kafka property enable.idempotence must be true: without it results can be doubled or change places
          REQUEST_TIMEOUT_MS        | soon    | Kafka says: Invalid value soon for configuration request.timeout.ms: Not a number of type INT
          BOOTSTRAP_SERVER          | k:9092  | there is no Kafka property bootstrap.server; did you mean bootstrap.servers?
          SASL_MECHANISMS           | PLAIN   | there is no Kafka property sasl.mechanisms; did you mean sasl.mechanism?
          """)
  void kafkaPropertiesTheWorkerOwnsAreRefusedWithAReason(String key, String value, String problem) {
    assertThat(problem("ZCBOT_KAFKA_" + key, value))
        .isEqualTo("ZCBOT_KAFKA_" + key + "=" + value + ": " + problem);
  }

  @Test
  void kafkaJudgesTheValuesItKnows() {
    assertThat(problem("ZCBOT_KAFKA_SECURITY_PROTOCOL", "FOO"))
        .startsWith(
            "ZCBOT_KAFKA_SECURITY_PROTOCOL=FOO: Kafka says: Invalid value FOO for configuration"
                + " security.protocol: String must be one of")
        .contains("SASL_SSL");
    assertThat(problem("ZCBOT_KAFKA_GROUP_PROTOCOL", "newest")).contains("must be one of");
  }

  @Test
  void safeValuesOfRestrictedKafkaPropertiesPass() throws Exception {
    assertThat(
            read(
                    "ZCBOT_KAFKA_ACKS", "all",
                    "ZCBOT_KAFKA_ENABLE_IDEMPOTENCE", "TRUE",
                    "ZCBOT_KAFKA_ENABLE_AUTO_COMMIT", "false",
                    "ZCBOT_KAFKA_GROUP_PROTOCOL", "classic",
                    "ZCBOT_KAFKA_MY_PLUGIN_SETTING", "1")
                .kafka()
                .properties())
        .containsEntry("acks", "all")
        .containsEntry("enable.idempotence", "TRUE")
        .containsEntry("group.protocol", "classic")
        .containsEntry("my.plugin.setting", "1");
  }

  @Test
  void theEnvironmentWinsOverThePropertiesFile(@TempDir Path dir) throws Exception {
    Path file =
        Files.writeString(
            dir.resolve("kafka.properties"),
            """
            # comment
            bootstrap.servers = file:9092
            security.protocol = SSL
            """);

    KafkaConfig kafka =
        read(
                "ZCBOT_KAFKA_PROPERTIES_FILE",
                file.toString(),
                "ZCBOT_KAFKA_BOOTSTRAP_SERVERS",
                "env:9092")
            .kafka();

    assertThat(kafka.properties())
        .isEqualTo(Map.of("bootstrap.servers", "env:9092", "security.protocol", "SSL"));
    assertThat(kafka.bootstrapServers()).isEqualTo("env:9092");
  }

  @Test
  void problemsInThePropertiesFileNameFileAndProperty(@TempDir Path dir) throws Exception {
    Path file = Files.writeString(dir.resolve("k.properties"), "group.id=x\n");
    assertThat(problem("ZCBOT_KAFKA_PROPERTIES_FILE", file.toString()))
        .isEqualTo(
            file
                + ", group.id=x: the Kafka property group.id can't be set: set ZCBOT_GROUP"
                + " instead");
    Path missing = dir.resolve("missing");
    assertThat(problem("ZCBOT_KAFKA_PROPERTIES_FILE", missing.toString()))
        .isEqualTo(
            "ZCBOT_KAFKA_PROPERTIES_FILE="
                + missing
                + ": can't be read (java.nio.file.NoSuchFileException: "
                + missing
                + "); must be an absolute path of a readable Java properties file");
    Path bad = Files.writeString(dir.resolve("bad"), "a=\\u12\n");
    assertThat(problem("ZCBOT_KAFKA_PROPERTIES_FILE", bad.toString())).contains("can't be read");
  }

  @Test
  void secretsAreShownNowhere() throws Exception {
    String secret = "hunter2";
    WorkerConfig config =
        read(
            "ZCBOT_KAFKA_SASL_JAAS_CONFIG", "PlainLoginModule password=" + secret,
            "ZCBOT_KAFKA_SSL_KEY_PASSWORD", secret,
            "ZCBOT_KAFKA_SSL_KEYSTORE_KEY", secret,
            "ZCBOT_KAFKA_SASL_OAUTHBEARER_CLIENT_CREDENTIALS_CLIENT_SECRET", secret,
            "ZCBOT_KAFKA_MY_TOKEN", secret);
    assertThat(config.toString()).doesNotContain(secret).contains("sasl.jaas.config=(hidden)");
    assertThat(config.kafka().properties()).containsEntry("ssl.key.password", secret);

    assertThat(problem("ZCBOT_KAFKA_SSL_KEY_PASWORD", secret))
        .doesNotContain(secret)
        .contains("did you mean ssl.key.password?");
    assertThat(problem("ZCBOT_KAFKA_SSL_TRUSTSTORE_PASWORD", secret))
        .doesNotContain(secret)
        .contains("ssl.truststore.password");
    assertThat(problem("ZCBOT_KAKFA_SSL_KEY_PASSWORD", secret)).doesNotContain(secret);
  }

  @Test
  void aMistypedKafkaPrefixIsNoticed() {
    assertThat(problem("ZCBOT_KAKFA_BOOTSTRAP_SERVERS", "k:9092"))
        .contains("did you mean ZCBOT_KAFKA_BOOTSTRAP_SERVERS?");
    assertThat(problem("ZCBOT_KAFKA_", "x")).contains("there is no such setting");
  }
}
