/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.worker.spec.IdleTtls;
import io.zcbot.sandbox.worker.spec.Profile;
import io.zcbot.sandbox.worker.spec.Profiles;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * All settings of a worker. Immutable; an instance that {@link #fromEnvironment} returns is valid
 * as a whole.
 */
public final class WorkerConfig {
  /** Prefixes of variables that set Kafka's properties or are used by scripts and tests. */
  private static final List<String> FOREIGN_PREFIXES =
      List.of(
          KafkaConfig.PREFIX, "ZCBOT_STANDALONE_", "ZCBOT_TEST_", "ZCBOT_DEMO_", "ZCBOT_BENCH_");

  private final String workerId;
  private final String host;
  private final String engineAddress;
  private final KafkaConfig kafka;
  private final SandboxSpec spec;
  private final Profiles profiles;
  private final @Nullable ProfilesFile profilesFile;
  private final WorkspaceConfig workspaces;
  private final ReaperConfig reaper;
  private final CapacityConfig capacity;
  private final CommandsConfig commands;
  private final GroupConfig group;
  private final EngineConfig engine;
  private final OpsConfig ops;

  /**
   * Reads the {@code ZCBOT_*} variables. A variable with an empty value counts as not set.
   *
   * @throws ConfigException with all problems
   */
  public static WorkerConfig fromEnvironment(Map<String, String> env) throws ConfigException {
    return fromEnvironment(env, WorkerConfig::hostName);
  }

  static WorkerConfig fromEnvironment(Map<String, String> env, Supplier<String> hostName)
      throws ConfigException {
    SettingsReader in = new SettingsReader(env, hostName);
    WorkerConfig config = new WorkerConfig(in);
    in.throwIfProblems();
    return config;
  }

  WorkerConfig(SettingsReader in) {
    workerId =
        in.getHostName(
            "ZCBOT_WORKER_ID",
            Kind.text(
                "1 to 128 letters, digits, dots, dashes, underscores, not beginning with a dot",
                "(?!\\.)[A-Za-z0-9._-]{1,128}"),
            "Id of this worker. A worker touches only sandboxes that are labelled with its id."
                + " Keep the id across restarts, and use it for one worker only.");
    host =
        in.getHostName(
            "ZCBOT_HOST",
            Kind.text("1 to 255 characters without blanks", "[\\p{Graph}&&[\\p{ASCII}]]{1,255}"),
            "Name of this host in ready and reaped events.");
    engineAddress =
        in.getVariable(
            "DOCKER_HOST",
            "unix:///var/run/docker.sock",
            "ZCBOT_ENGINE_ADDRESS",
            Kind.engineAddress(),
            "Address of the container engine in ready events, for agents. The worker itself uses"
                + " DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH.");
    kafka = KafkaConfig.read(in);
    spec = SpecSettings.read(in);
    workspaces = new WorkspaceConfig(in);
    reaper = new ReaperConfig(in);
    capacity = new CapacityConfig(in);
    commands = new CommandsConfig(in);
    group = new GroupConfig(in);
    engine = new EngineConfig(in);
    ops = new OpsConfig(in);
    Path file =
        in.find(
            ProfilesFile.KEY,
            "none",
            Kind.path("/etc/zcbot/profiles.yaml"),
            "File with the profiles that users may ask for besides these settings, in YAML. It is"
                + " read again on SIGHUP.");
    Profile usual =
        new Profile(
            ProfileName.DEFAULT,
            spec,
            new IdleTtls(reaper.idleTtl, reaper.shortestIdleTtl, reaper.longestIdleTtl),
            reaper.maxLifetime,
            capacity.warm,
            Map.of());
    profilesFile = file == null ? null : new ProfilesFile(file, in.environment(), usual);
    profiles = profilesFile == null ? Profiles.only(usual) : profilesFile.read(in);
    in.refuseOthers("ZCBOT_", FOREIGN_PREFIXES);
  }

  /** The worker's id, in labels of its containers and in events. */
  public String workerId() {
    return workerId;
  }

  /** This host's name in events. */
  public String host() {
    return host;
  }

  /** The engine's address for agents, in ready events. */
  public String engineAddress() {
    return engineAddress;
  }

  public KafkaConfig kafka() {
    return kafka;
  }

  /** How sandboxes of the profile {@link ProfileName#DEFAULT} are created. */
  public SandboxSpec spec() {
    return spec;
  }

  /** The profiles as they were when the settings were read. */
  public Profiles profiles() {
    return profiles;
  }

  /** The file of profiles, to be read again; null if none is configured. */
  public @Nullable ProfilesFile profilesFile() {
    return profilesFile;
  }

  public WorkspaceConfig workspaces() {
    return workspaces;
  }

  public ReaperConfig reaper() {
    return reaper;
  }

  public CapacityConfig capacity() {
    return capacity;
  }

  public CommandsConfig commands() {
    return commands;
  }

  public GroupConfig group() {
    return group;
  }

  public EngineConfig engine() {
    return engine;
  }

  public OpsConfig ops() {
    return ops;
  }

  /** Returns this host's name. On Linux the kernel is asked, so that no resolver is needed. */
  private static String hostName() {
    try {
      String name = Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
      if (!name.isEmpty()) {
        return name;
      }
    } catch (IOException _) {
      // not Linux
    }
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException _) {
      return "localhost";
    }
  }
}
