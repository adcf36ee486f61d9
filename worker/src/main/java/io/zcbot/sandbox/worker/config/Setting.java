/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * One environment key: read, documented and printed from this one description.
 *
 * @param fallback the text that is read when the key is not set; null where the default is computed
 * @param shownDefault the default as documentation puts it
 */
public record Setting<T>(
    String key, @Nullable String fallback, String shownDefault, Kind<T> kind, String meaning) {
  private static final Duration SECOND = Duration.ofSeconds(1);
  private static final Duration HOUR = Duration.ofHours(1);
  private static final Duration DAY = Duration.ofDays(1);
  private static final long MIB = 1024 * 1024;

  /** What a pass-through key of a Kafka client property begins with. */
  static final String KAFKA_PREFIX = "ZCBOT_KAFKA_";

  static final Setting<String> WORKER_ID =
      computed(
          "ZCBOT_WORKER_ID",
          "the host's name",
          Kind.text(
              "1 to 128 letters, digits, dots, dashes, underscores, the first no dot",
              "(?!\\.)[A-Za-z0-9._-]{1,128}"),
          "Name of this worker; a worker only ever touches sandboxes that bear it. Keep it across"
              + " restarts, use it once.");

  static final Setting<String> HOST =
      computed(
          "ZCBOT_HOST",
          "the host's name",
          Kind.text("1 to 255 characters without blanks", "[\\p{Graph}&&[\\p{ASCII}]]{1,255}"),
          "Name of this host in ready and reaped events.");

  static final Setting<String> ENGINE_ADDRESS =
      computed(
          "ZCBOT_ENGINE_ADDRESS",
          "DOCKER_HOST, else unix:///var/run/docker.sock",
          Kind.engineAddress(),
          "Address of the container engine as ready events tell it to agents. The worker itself goes by"
              + " DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH.");

  static final Setting<String> KAFKA_BOOTSTRAP_SERVERS =
      of(
          KAFKA_PREFIX + "BOOTSTRAP_SERVERS",
          "127.0.0.1:9092",
          Kind.text(
              "host:port pairs, separated by commas",
              "\\s*[A-Za-z0-9._:\\[\\]-]+:\\d{1,5}(\\s*,\\s*[A-Za-z0-9._:\\[\\]-]+:\\d{1,5})*\\s*"),
          "Kafka brokers to ask first. Every ZCBOT_KAFKA_<PROPERTY> is a client property in this way:"
              + " ZCBOT_KAFKA_SASL_MECHANISM sets sasl.mechanism.");

  static final Setting<Path> KAFKA_PROPERTIES_FILE =
      computed(
          KAFKA_PREFIX + "PROPERTIES_FILE",
          "none",
          Kind.directory().as("an absolute path of a readable Java properties file"),
          "File with Kafka client properties, e.g. for SASL and TLS; the environment wins over it.");

  static final Setting<String> GROUP =
      of(
          "ZCBOT_GROUP",
          "sandbox-workers",
          Kind.text("1 to 200 letters, digits, dots, dashes, underscores", "[A-Za-z0-9._-]{1,200}"),
          "Consumer group that shares the users out among the workers.");

  static final Setting<String> TOPIC_PREFIX =
      of(
          "ZCBOT_TOPIC_PREFIX",
          "sandbox.",
          Kind.text("1 to 200 letters, digits, dots, dashes, underscores", "[A-Za-z0-9._-]{1,200}"),
          "What every topic's name begins with.");

  static final Setting<Boolean> TOPICS_CREATE =
      of(
          "ZCBOT_TOPICS_CREATE",
          "true",
          Kind.flag(),
          "Whether missing topics are created at startup.");

  static final Setting<Integer> TOPICS_PARTITIONS =
      of(
          "ZCBOT_TOPICS_PARTITIONS",
          "12",
          Kind.count(1, 10_000),
          "Partitions of topics that are created: the most hosts that can share the work. All topics"
              + " must have the same number.");

  static final Setting<Integer> TOPICS_REPLICATION =
      of(
          "ZCBOT_TOPICS_REPLICATION",
          "-1",
          Kind.countOrBrokersDefault(Short.MAX_VALUE),
          "Replicas of topics that are created; -1 is the broker's default.");

  static final Setting<String> SANDBOX_IMAGE =
      of(
          "ZCBOT_SANDBOX_IMAGE",
          "zcbot-sandbox:latest",
          Kind.text("an image reference", "[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}"),
          "Image of every sandbox.");

  static final Setting<String> SANDBOX_RUNTIME =
      computed(
          "ZCBOT_SANDBOX_RUNTIME",
          "the engine's default",
          Kind.text("the name of an OCI runtime", "[A-Za-z0-9][A-Za-z0-9._-]{0,127}"),
          "OCI runtime of every sandbox, as the engine names it.");

  static final Setting<Duration> SANDBOX_IDLE_TTL =
      of(
          "ZCBOT_SANDBOX_IDLE_TTL",
          "300",
          Kind.duration(SECOND, DAY.multipliedBy(30)),
          "How long a sandbox may go unused before it is reaped.");

  static final Setting<Long> SANDBOX_MEMORY =
      of(
          "ZCBOT_SANDBOX_MEMORY",
          "2g",
          Kind.size(64 * MIB, 1024 * 1024 * MIB),
          "Memory limit of a sandbox; there is no swap on top.");

  static final Setting<Double> SANDBOX_CPUS =
      of(
          "ZCBOT_SANDBOX_CPUS",
          "1.0",
          Kind.decimal("0.01", "1024"),
          "CPU limit of a sandbox, in cores; not more than the host has.");

  static final Setting<Integer> SANDBOX_PIDS =
      of(
          "ZCBOT_SANDBOX_PIDS",
          "256",
          Kind.count(16, 4_194_304),
          "Most processes and threads in a sandbox.");

  static final Setting<Long> SANDBOX_TMP_SIZE =
      computed(
          "ZCBOT_SANDBOX_TMP_SIZE",
          "512m, at most half the memory",
          Kind.size(MIB, 1024 * 1024 * MIB),
          "Size of a sandbox's /tmp; what lies in it counts as its memory.");

  static final Setting<Integer> SANDBOX_IO_WEIGHT =
      computed(
          "ZCBOT_SANDBOX_IO_WEIGHT",
          "none",
          Kind.count(10, 1000),
          "Weight of a sandbox's disk I/O against the rest of the host's. Takes cgroup version 2, and"
              + " disks whose I/O is weighed (scheduler bfq, or io.cost).");

  static final Setting<String> SANDBOX_NETWORK =
      of(
          "ZCBOT_SANDBOX_NETWORK",
          "zcbot-sandbox",
          Kind.text(
              "the name of a bridge network of its own (not bridge, host, none or default)",
              "(?!(?:bridge|host|none|default)$)[A-Za-z0-9][A-Za-z0-9_.-]{0,127}"),
          "Bridge network of the sandboxes; made when missing.");

  static final Setting<FirewallMode> SANDBOX_FIREWALL =
      of(
          "ZCBOT_SANDBOX_FIREWALL",
          "host",
          Kind.oneOf(FirewallMode.values()),
          "Where the rules are. host: on the sandboxes' bridge, and sandboxes have no capability at"
              + " all. container: in each sandbox, whose first process is root with NET_ADMIN for"
              + " that. both: in both places.");

  static final Setting<Duration> FIREWALL_INTERVAL =
      of(
          "ZCBOT_FIREWALL_INTERVAL",
          "30s",
          Kind.duration(SECOND, HOUR),
          "How often the rules on the sandboxes' bridge are looked at and, if need be, mended.");

  static final Setting<Egress> SANDBOX_EGRESS =
      of(
          "ZCBOT_SANDBOX_EGRESS",
          "public",
          Kind.egress(),
          "What sandboxes may reach: public addresses, none (no network at all), or only these"
              + " addresses and networks, separated by commas, private ones too. Never the host and"
              + " never link-local addresses.");

  static final Setting<Dns> SANDBOX_DNS =
      of(
          "ZCBOT_SANDBOX_DNS",
          "",
          "the engine's",
          Kind.dns(),
          "Resolvers of the sandboxes, or off: no names, and port 53 is closed everywhere.");

  static final Setting<List<String>> PG_IPS =
      of(
          "ZCBOT_PG_IPS",
          "",
          "none",
          Kind.addressesAndNetworks(),
          "Addresses no sandbox may reach in any case, e.g. of databases.");

  static final Setting<Integer> SANDBOX_MAX =
      of(
          "ZCBOT_SANDBOX_MAX",
          "64",
          Kind.count(1, 100_000),
          "Most sandboxes on this host; beyond it the longest idle one is evicted.");

  static final Setting<Integer> SANDBOX_WARM =
      of(
          "ZCBOT_SANDBOX_WARM",
          "2",
          Kind.count(0, 64),
          "Containers kept ready for users who have no sandbox yet; 0 for none. They count as"
              + " sandboxes of this host, and take CAP_SYS_ADMIN.");

  static final Setting<Optional<Duration>> SANDBOX_MAX_LIFETIME =
      of(
          "ZCBOT_SANDBOX_MAX_LIFETIME",
          "off",
          Kind.orOff(Kind.duration(SECOND, DAY.multipliedBy(365))),
          "Age at which a sandbox is reaped even if it is in use.");

  static final Setting<Duration> SANDBOX_EVICT_AFTER =
      of(
          "ZCBOT_SANDBOX_EVICT_AFTER",
          "60s",
          Kind.duration(Duration.ZERO, DAY.multipliedBy(30)),
          "How long a sandbox must have been idle to be evicted for another user's.");

  static final Setting<Lifecycle.Restart> RESTART =
      of(
          "ZCBOT_RESTART",
          "purge",
          Kind.oneOf(Lifecycle.Restart.values()),
          "What becomes of this worker's sandboxes across a restart. purge: a stop reaps them and"
              + " leaves the group, a start removes what is left. adopt: they keep running, and the"
              + " restarted worker takes them over.");

  static final Setting<Lifecycle.Handover> SANDBOX_HANDOVER =
      of(
          "ZCBOT_SANDBOX_HANDOVER",
          "lazy",
          Kind.oneOf(Lifecycle.Handover.values()),
          "When a user whose sandbox went with another host gets a new one. lazy: at the next"
              + " ensure. eager: at once.");

  static final Setting<Duration> REVOKE_TIMEOUT =
      of(
          "ZCBOT_REVOKE_TIMEOUT",
          "10s",
          Kind.duration(Duration.ofMillis(100), Duration.ofSeconds(50)),
          "How long a rebalance waits for running work of partitions that go to another worker.");

  static final Setting<Path> WORKSPACE_ROOT =
      of(
          "ZCBOT_WORKSPACE_ROOT",
          "/var/lib/zcbot/workspaces",
          Kind.directory(),
          "Directory of the users' workspaces on the engine's host.");

  static final Setting<Optional<Long>> WORKSPACE_SIZE =
      of(
          "ZCBOT_WORKSPACE_SIZE",
          "off",
          Kind.orOff(Kind.size(MIB, 1024 * 1024 * 1024 * MIB)),
          "Most that a user's workspace holds, in whole MiB. Takes a file system with project quotas"
              + " and CAP_SYS_ADMIN; a worker that can't set the limit does not start.");

  static final Setting<Long> WORKSPACE_FILES =
      computed(
          "ZCBOT_WORKSPACE_FILES",
          "one for each 16 KiB of the size",
          Kind.wholeNumber(100, 1_000_000_000_000L),
          "Most files and directories in a user's workspace, where its size is limited.");

  static final Setting<Duration> REAPER_INTERVAL =
      computed(
          "ZCBOT_REAPER_INTERVAL",
          "10s, at most the idle TTL",
          Kind.duration(Duration.ofMillis(100), HOUR),
          "How often idle sandboxes are looked for; not longer than the idle TTL.");

  static final Setting<Duration> RECONCILE_INTERVAL =
      of(
          "ZCBOT_RECONCILE_INTERVAL",
          "30s",
          Kind.duration(Duration.ofMillis(100), HOUR),
          "How often the engine's sandboxes are compared with what the worker knows.");

  static final Setting<Duration> ENSURE_EXPIRY =
      of(
          "ZCBOT_ENSURE_EXPIRY",
          "60s",
          Kind.duration(SECOND, DAY),
          "Age from which an ensure without expires_at is not met any more.");

  static final Setting<Integer> NEW_USERS_PER_MINUTE =
      of(
          "ZCBOT_NEW_USERS_PER_MINUTE",
          "120",
          Kind.count(1, 1_000_000),
          "Most sandboxes made in a minute for users who had none within the idle TTL; more are"
              + " answered failed(capacity).");

  static final Setting<Integer> CREATE_CONCURRENCY =
      of(
          "ZCBOT_CREATE_CONCURRENCY",
          "4",
          Kind.count(1, 256),
          "Most sandboxes created at the same time.");

  static final Setting<Integer> REAP_CONCURRENCY =
      of(
          "ZCBOT_REAP_CONCURRENCY",
          "4",
          Kind.count(1, 256),
          "Most sandboxes removed at the same time.");

  static final Setting<Integer> LOOKUP_CONCURRENCY =
      of(
          "ZCBOT_LOOKUP_CONCURRENCY",
          "32",
          Kind.count(1, 1024),
          "Most other engine calls at the same time.");

  static final Setting<Duration> ENGINE_TIMEOUT =
      of(
          "ZCBOT_ENGINE_TIMEOUT",
          "30s",
          Kind.duration(SECOND, Duration.ofMinutes(10)),
          "Deadline of one engine call.");

  static final Setting<Duration> READY_TIMEOUT =
      of(
          "ZCBOT_READY_TIMEOUT",
          "15s",
          Kind.duration(SECOND, Duration.ofMinutes(10)),
          "How long a started sandbox may take to say that its firewall is in force.");

  static final Setting<Duration> PULL_TIMEOUT =
      of(
          "ZCBOT_PULL_TIMEOUT",
          "2m",
          Kind.duration(SECOND, HOUR),
          "How long pulling a missing image may take.");

  static final Setting<Integer> MAX_OPEN_RECORDS =
      of(
          "ZCBOT_MAX_OPEN_RECORDS",
          "1000",
          Kind.count(1, 1_000_000),
          "Most unfinished ensures of one partition; beyond it the partition is not read. Of all"
              + " partitions no more than 16 MiB are held, some 4000 ensures.");

  static final Setting<Optional<InetSocketAddress>> OPS_ADDRESS =
      of(
          "ZCBOT_OPS_ADDRESS",
          "127.0.0.1:8080",
          Kind.orOff(Kind.listenAddress()),
          "Where metrics and health are served.");

  static final Setting<Boolean> METRICS_KAFKA =
      of(
          "ZCBOT_METRICS_KAFKA",
          "true",
          Kind.flag(),
          "Whether /metrics has the Kafka clients' own metrics, which are two thirds of that page.");

  static final Setting<Duration> STOP_TIMEOUT =
      of(
          "ZCBOT_STOP_TIMEOUT",
          "25s",
          Kind.duration(SECOND, HOUR),
          "How long a stop waits for work in progress.");

  static final Setting<LogConfig.Format> LOG_FORMAT =
      of(
          "ZCBOT_LOG_FORMAT",
          "text",
          Kind.oneOf(LogConfig.Format.values()),
          "Log lines for people (text) or one JSON object per line (json).");

  static final Setting<LogConfig.Level> LOG_LEVEL =
      of(
          "ZCBOT_LOG_LEVEL",
          "info",
          Kind.oneOf(LogConfig.Level.values()),
          "Least severe level of the worker's log lines; those of libraries start at warn.");

  /** Every key, in the order in which documentation lists them. */
  public static final List<Setting<?>> ALL =
      List.of(
          WORKER_ID,
          HOST,
          ENGINE_ADDRESS,
          KAFKA_BOOTSTRAP_SERVERS,
          KAFKA_PROPERTIES_FILE,
          GROUP,
          TOPIC_PREFIX,
          TOPICS_CREATE,
          TOPICS_PARTITIONS,
          TOPICS_REPLICATION,
          SANDBOX_IMAGE,
          SANDBOX_RUNTIME,
          SANDBOX_IDLE_TTL,
          SANDBOX_MEMORY,
          SANDBOX_CPUS,
          SANDBOX_PIDS,
          SANDBOX_TMP_SIZE,
          SANDBOX_IO_WEIGHT,
          SANDBOX_NETWORK,
          SANDBOX_FIREWALL,
          SANDBOX_EGRESS,
          SANDBOX_DNS,
          PG_IPS,
          SANDBOX_MAX,
          SANDBOX_WARM,
          SANDBOX_MAX_LIFETIME,
          SANDBOX_EVICT_AFTER,
          RESTART,
          SANDBOX_HANDOVER,
          REVOKE_TIMEOUT,
          WORKSPACE_ROOT,
          WORKSPACE_SIZE,
          WORKSPACE_FILES,
          REAPER_INTERVAL,
          RECONCILE_INTERVAL,
          FIREWALL_INTERVAL,
          ENSURE_EXPIRY,
          NEW_USERS_PER_MINUTE,
          CREATE_CONCURRENCY,
          REAP_CONCURRENCY,
          LOOKUP_CONCURRENCY,
          ENGINE_TIMEOUT,
          READY_TIMEOUT,
          PULL_TIMEOUT,
          MAX_OPEN_RECORDS,
          OPS_ADDRESS,
          METRICS_KAFKA,
          STOP_TIMEOUT,
          LOG_FORMAT,
          LOG_LEVEL);

  /** The keys as the table of docs/configuration.md. */
  public static String markdown() {
    return ALL.stream()
        .map(
            s ->
                "| `"
                    + s.key
                    + "` | "
                    + s.markdownDefault()
                    + " | "
                    + s.meaning.replace("<", "&lt;").replace("|", "\\|")
                    + " |\n")
        .collect(Collectors.joining("", "| key | default | meaning |\n|---|---|---|\n", ""));
  }

  /**
   * The keys as the command line's help shows them.
   *
   * @param beginnings of the keys that are shown; none shows all
   */
  public static String help(String... beginnings) {
    return ALL.stream()
        .filter(
            s -> beginnings.length == 0 || Arrays.stream(beginnings).anyMatch(s.key::startsWith))
        .map(
            s ->
                "  "
                    + s.key
                    + " ("
                    + s.shownDefault
                    + ")\n      "
                    + s.meaning
                    + "\n      Must be "
                    + s.kind.allowed()
                    + ".\n")
        .collect(Collectors.joining("", "\nEnvironment (defaults in parentheses):\n", ""));
  }

  private String markdownDefault() {
    return shownDefault.equals(fallback) ? "`" + shownDefault + "`" : shownDefault;
  }

  private static <T> Setting<T> of(String key, String fallback, Kind<T> kind, String meaning) {
    return new Setting<>(key, fallback, fallback, kind, meaning);
  }

  private static <T> Setting<T> of(
      String key, String fallback, String shownDefault, Kind<T> kind, String meaning) {
    return new Setting<>(key, fallback, shownDefault, kind, meaning);
  }

  private static <T> Setting<T> computed(
      String key, String shownDefault, Kind<T> kind, String meaning) {
    return new Setting<>(key, null, shownDefault, kind, meaning);
  }
}
