/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import io.zcbot.sandbox.worker.config.ConfigException.Problem;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.spec.WorkspaceLimit;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Everything a worker is told from outside. A constructed one by {@link #fromEnvironment} is valid
 * as a whole.
 *
 * @param workerId the worker's name, on its sandboxes and in events
 * @param host this host's name in events
 * @param engineAddress where agents are told to reach the container engine
 * @param workspaceRoot the users' directories on the engine's host
 * @param workspaceLimit the most that a workspace may hold; null for no limit
 * @param opsAddress where metrics and health are served; null for nowhere
 * @param kafkaMetrics whether the Kafka clients' own metrics are served, too
 * @param stopTimeout how long a stop waits for work in progress
 */
public record WorkerConfig(
    String workerId,
    String host,
    String engineAddress,
    KafkaConfig kafka,
    SandboxSpec spec,
    Path workspaceRoot,
    @Nullable WorkspaceLimit workspaceLimit,
    Lifecycle lifecycle,
    Limits limits,
    @Nullable InetSocketAddress opsAddress,
    boolean kafkaMetrics,
    Duration stopTimeout,
    LogConfig log) {
  /** Keys with these beginnings are not the worker's: scripts and tests use them. */
  static final List<String> FOREIGN_PREFIXES =
      List.of("ZCBOT_STANDALONE_", "ZCBOT_TEST_", "ZCBOT_DEMO_", "ZCBOT_BENCH_");

  private static final Duration DEFAULT_REAPER_INTERVAL = Duration.ofSeconds(10);
  private static final long DEFAULT_TMP_BYTES = 512L << 20;
  private static final String DEFAULT_ENGINE = "unix:///var/run/docker.sock";

  /**
   * Reads the {@code ZCBOT_*} keys; one with an empty value counts as not set.
   *
   * @throws ConfigException with everything that is wrong
   */
  public static WorkerConfig fromEnvironment(Map<String, String> env) throws ConfigException {
    return fromEnvironment(env, WorkerConfig::hostName);
  }

  static WorkerConfig fromEnvironment(Map<String, String> env, Supplier<String> hostName)
      throws ConfigException {
    Reading in = new Reading(env);
    in.refuseUnknownKeys();

    String host = in.get(Setting.HOST, "the host's name", hostName);
    String workerId = in.get(Setting.WORKER_ID, "the host's name", hostName);
    String dockerHost = env.getOrDefault("DOCKER_HOST", "").strip();
    String engine =
        in.get(
            Setting.ENGINE_ADDRESS,
            "DOCKER_HOST",
            () -> dockerHost.isEmpty() ? DEFAULT_ENGINE : dockerHost);
    KafkaConfig kafka =
        new KafkaConfig(
            in.kafkaProperties(),
            in.get(Setting.GROUP),
            in.get(Setting.TOPIC_PREFIX),
            in.get(Setting.TOPICS_CREATE),
            in.get(Setting.TOPICS_PARTITIONS),
            in.get(Setting.TOPICS_REPLICATION).shortValue());
    long memory = in.get(Setting.SANDBOX_MEMORY);
    SandboxSpec spec =
        new SandboxSpec(
            in.get(Setting.SANDBOX_IMAGE),
            in.find(Setting.SANDBOX_RUNTIME).orElse(null),
            memory,
            in.get(Setting.SANDBOX_CPUS),
            in.get(Setting.SANDBOX_PIDS),
            in.find(Setting.SANDBOX_TMP_SIZE).orElse(Math.min(DEFAULT_TMP_BYTES, memory / 2)),
            in.find(Setting.SANDBOX_IO_WEIGHT).orElse(null),
            in.get(Setting.SANDBOX_NETWORK),
            new NetworkPolicy(
                in.get(Setting.SANDBOX_FIREWALL),
                in.get(Setting.SANDBOX_EGRESS),
                in.get(Setting.SANDBOX_DNS),
                in.get(Setting.PG_IPS)));
    long mostFiles = in.find(Setting.WORKSPACE_FILES).orElse(0L);
    WorkspaceLimit workspaceLimit =
        in.get(Setting.WORKSPACE_SIZE)
            .map(bytes -> WorkspaceLimit.of(bytes, mostFiles))
            .orElse(null);
    Duration idleTtl = in.get(Setting.SANDBOX_IDLE_TTL);
    Lifecycle lifecycle =
        new Lifecycle(
            idleTtl,
            in.find(Setting.REAPER_INTERVAL)
                .orElse(Collections.min(List.of(DEFAULT_REAPER_INTERVAL, idleTtl))),
            in.get(Setting.RECONCILE_INTERVAL),
            in.get(Setting.FIREWALL_INTERVAL),
            in.get(Setting.SANDBOX_MAX_LIFETIME).orElse(null),
            in.get(Setting.SANDBOX_EVICT_AFTER),
            in.get(Setting.ENSURE_EXPIRY),
            in.get(Setting.RESTART),
            in.get(Setting.SANDBOX_HANDOVER),
            in.get(Setting.REVOKE_TIMEOUT));
    Limits limits =
        new Limits(
            in.get(Setting.SANDBOX_MAX),
            in.get(Setting.CREATE_CONCURRENCY),
            in.get(Setting.REAP_CONCURRENCY),
            in.get(Setting.LOOKUP_CONCURRENCY),
            in.get(Setting.ENGINE_TIMEOUT),
            in.get(Setting.READY_TIMEOUT),
            in.get(Setting.MAX_OPEN_RECORDS),
            in.get(Setting.PULL_TIMEOUT),
            in.get(Setting.NEW_USERS_PER_MINUTE),
            in.get(Setting.SANDBOX_WARM));
    WorkerConfig config =
        new WorkerConfig(
            workerId,
            host,
            engine,
            kafka,
            spec,
            in.get(Setting.WORKSPACE_ROOT),
            workspaceLimit,
            lifecycle,
            limits,
            in.get(Setting.OPS_ADDRESS).orElse(null),
            in.get(Setting.METRICS_KAFKA),
            in.get(Setting.STOP_TIMEOUT),
            new LogConfig(in.get(Setting.LOG_FORMAT), in.get(Setting.LOG_LEVEL)));

    if (lifecycle.reaperInterval().compareTo(lifecycle.idleTtl()) > 0) {
      in.problem(
          Setting.REAPER_INTERVAL,
          "must not be longer than "
              + Setting.SANDBOX_IDLE_TTL.key()
              + ", which is "
              + Durations.shown(lifecycle.idleTtl()));
    }
    if (spec.tmpBytes() >= spec.memoryBytes()) {
      in.problem(
          Setting.SANDBOX_TMP_SIZE,
          "must be smaller than "
              + Setting.SANDBOX_MEMORY.key()
              + ", which is "
              + Kind.shown(spec.memoryBytes())
              + ": a full /tmp would use up the sandbox's memory");
    }
    if (mostFiles > 0 && workspaceLimit == null) {
      in.problem(
          Setting.WORKSPACE_FILES,
          "is for workspaces of a limited size: set " + Setting.WORKSPACE_SIZE.key() + " as well");
    }
    in.throwIfProblems();
    return config;
  }

  /** This host's name, without asking any resolver where the kernel tells it. */
  private static String hostName() {
    try {
      String name = Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
      if (!name.isEmpty()) {
        return name;
      }
    } catch (IOException _) {
      // No Linux; ask Java below.
    }
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException _) {
      return "localhost";
    }
  }

  /** Reads settings and collects what is wrong, going on with the default in its place. */
  private static final class Reading {
    private final Map<String, String> env;
    private final List<Problem> problems = new ArrayList<>();

    Reading(Map<String, String> env) {
      this.env = env;
    }

    <T> T get(Setting<T> setting) {
      Optional<T> given = find(setting);
      if (given.isPresent()) {
        return given.get();
      }
      try {
        return setting.kind().parse(String.valueOf(setting.fallback()));
      } catch (Kind.RefusedException e) {
        throw new IllegalStateException("the default of " + setting.key() + " is not allowed", e);
      }
    }

    /** The value of a setting whose default comes from outside as well, and may be bad too. */
    String get(Setting<String> setting, String source, Supplier<String> computed) {
      if (!given(setting).isEmpty()) {
        return find(setting).orElse("");
      }
      String text = computed.get();
      try {
        return setting.kind().parse(text);
      } catch (Kind.RefusedException e) {
        problems.add(
            new Problem(
                setting.key(),
                text + " (default, " + source + ")",
                e.getMessage() + "; set " + setting.key()));
        return "";
      }
    }

    <T> Optional<T> find(Setting<T> setting) {
      String text = given(setting);
      if (text.isEmpty()) {
        return Optional.empty();
      }
      try {
        return Optional.of(setting.kind().parse(text));
      } catch (Kind.RefusedException e) {
        problems.add(new Problem(setting.key(), text, String.valueOf(e.getMessage())));
        return Optional.empty();
      }
    }

    Map<String, String> kafkaProperties() {
      KafkaProperties properties = new KafkaProperties(problems);
      find(Setting.KAFKA_PROPERTIES_FILE).ifPresent(properties::addFile);
      properties.addEnvironment(env);
      Map<String, String> result = properties.result();
      result.putIfAbsent(
          "bootstrap.servers", String.valueOf(Setting.KAFKA_BOOTSTRAP_SERVERS.fallback()));
      return result;
    }

    void problem(Setting<?> setting, String problem) {
      String given = given(setting);
      problems.add(
          new Problem(
              setting.key(),
              given.isEmpty() ? setting.shownDefault() + " (default)" : given,
              problem));
    }

    void refuseUnknownKeys() {
      Set<String> known = Setting.ALL.stream().map(Setting::key).collect(Collectors.toSet());
      for (String key : new TreeSet<>(env.keySet())) {
        if (!key.startsWith("ZCBOT_")
            || known.contains(key)
            || KafkaProperties.isPassThrough(key)
            || FOREIGN_PREFIXES.stream().anyMatch(key::startsWith)) {
          continue;
        }
        String nearest = Spelling.nearest(key, new TreeSet<>(known), Integer.MAX_VALUE - 1);
        // The value is not repeated: nobody knows whether it is a secret.
        problems.add(
            new Problem(key, "…", "there is no such setting; did you mean " + nearest + "?"));
      }
    }

    void throwIfProblems() throws ConfigException {
      if (!problems.isEmpty()) {
        throw new ConfigException(problems);
      }
    }

    private String given(Setting<?> setting) {
      return env.getOrDefault(setting.key(), "").strip();
    }
  }
}
