/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.create;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.command.CreateContainerCmd;
import com.github.dockerjava.api.model.BindOptions;
import com.github.dockerjava.api.model.BindPropagation;
import com.github.dockerjava.api.model.Capability;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.api.model.LogConfig;
import com.github.dockerjava.api.model.Mount;
import com.github.dockerjava.api.model.MountType;
import com.github.dockerjava.api.model.RestartPolicy;
import com.github.dockerjava.api.model.Ulimit;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.docker.api.SandboxLabels;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.ResourceLimits;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.spec.SandboxUids;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

/** The engine's requests to create sandboxes of one spec, with every hard limit. */
public final class ContainerCreation {
  static final String WORKSPACE = "/workspace";

  private final SandboxSpec spec;
  private final String workerId;

  public ContainerCreation(SandboxSpec spec, String workerId) {
    this.spec = spec;
    this.workerId = workerId;
  }

  /**
   * A user's sandbox.
   *
   * @param uid the user that its processes run as
   */
  public CreateContainerCmd sandbox(
      DockerClient client, UserId user, Path workspace, int uid, boolean ipv6) {
    return command(
        client,
        Container.nameOf(user),
        labels(SandboxLabels.USER, user.toString(), uid),
        uid,
        // what is mounted elsewhere later is none of its business
        mount(workspace, WORKSPACE, BindPropagation.R_PRIVATE),
        ipv6);
  }

  /**
   * A sandbox whose user and workspace come later: a mount in its directory shows inside.
   *
   * @param source what is mounted in it: that of the layout, or another if it is only looked at
   * @param uid the user that its processes run as
   */
  CreateContainerCmd slot(
      DockerClient client, String slotId, SlotLayout layout, Path source, int uid, boolean ipv6) {
    CreateContainerCmd command =
        command(
            client,
            Container.SLOT_PREFIX + slotId,
            labels(SandboxLabels.SLOT, slotId, uid),
            uid,
            mount(source, layout.target(), BindPropagation.R_SLAVE),
            ipv6);
    return command.withCmd(
        Stream.concat(
                Stream.of(Objects.requireNonNull(command.getCmd())),
                Stream.of("ZCBOT_SLOT=" + layout.probe()))
            .toList());
  }

  private Map<String, String> labels(String whose, String id, int uid) {
    Map<String, String> labels =
        new HashMap<>(
            Map.of(
                SandboxLabels.PRODUCT,
                SandboxLabels.PRODUCT_SANDBOX,
                whose,
                id,
                SandboxLabels.WORKER,
                workerId,
                SandboxLabels.SPEC,
                spec.hash()));
    if (uid != SandboxUids.SHARED.first()) {
      labels.put(SandboxLabels.UID, String.valueOf(uid));
    }
    return labels;
  }

  private CreateContainerCmd command(
      DockerClient client,
      String name,
      Map<String, String> labels,
      int uid,
      Mount workspace,
      boolean ipv6) {
    NetworkPolicy policy = spec.policy();
    CreateContainerCmd command =
        client
            .createContainerCmd(spec.image())
            .withName(name)
            .withHostName("sandbox")
            .withLabels(labels)
            // root only where init sets rules, which takes NET_ADMIN
            .withUser(policy.rulesInSandbox() ? "0:0" : uid + ":" + uid)
            .withWorkingDir(WORKSPACE)
            .withEnv(environment(policy))
            .withCmd(settings(policy))
            .withAttachStdin(false)
            .withAttachStdout(true)
            .withAttachStderr(true)
            // one worker after the other attaches to the runner
            .withStdinOpen(!policy.rulesInSandbox())
            .withStdInOnce(false)
            .withTty(false);
    return command.withHostConfig(hostConfig(workspace, ipv6));
  }

  /**
   * The engine finds the home of a user that /etc/passwd names. Root's is not the workspace: what a
   * command left there would run in a shell that somebody starts as root.
   */
  private static List<String> environment(NetworkPolicy policy) {
    return policy.rulesInSandbox() ? List.of() : List.of("HOME=" + WORKSPACE, "USER=sandbox");
  }

  /** What init has to know, and no more: what sets no rules needs no addresses. */
  private static List<String> settings(NetworkPolicy policy) {
    List<String> settings = new ArrayList<>();
    settings.add("ZCBOT_FIREWALL=" + policy.firewall().name().toLowerCase(Locale.ROOT));
    if (!policy.hasNetwork()) {
      settings.add("ZCBOT_EGRESS=none");
    }
    if (policy.rulesInSandbox()) {
      settings.add("ZCBOT_EGRESS=" + policy.egress().text());
      settings.add("ZCBOT_DNS=" + (policy.dns() instanceof Dns.Off ? "off" : "on"));
      settings.add("ZCBOT_PG_IPS=" + String.join(",", policy.pgIps()));
      settings.add("ZCBOT_SMTP=" + (policy.traffic().smtp() ? "on" : "off"));
      settings.add("ZCBOT_FLOWS=" + policy.traffic().flows());
      settings.add("ZCBOT_FLOW_RATE=" + policy.traffic().newFlowsPerSecond());
    }
    if (policy.sealed()) {
      settings.add("ZCBOT_SEAL=on");
    }
    return List.copyOf(settings);
  }

  private HostConfig hostConfig(Mount workspace, boolean ipv6) {
    NetworkPolicy policy = spec.policy();
    HostConfig config =
        HostConfig.newHostConfig()
            .withNetworkMode(policy.hasNetwork() ? spec.network() : "none")
            .withReadonlyRootfs(true)
            .withTmpFs(
                Map.of(
                    "/tmp", "rw,exec,nosuid,nodev,size=" + spec.limits().tmpBytes() + ",mode=1777"))
            .withMounts(List.of(workspace))
            .withShmSize(64L << 20)
            .withPrivileged(false)
            .withCapDrop(Capability.ALL)
            .withSecurityOpts(List.of("no-new-privileges:true"))
            .withIpcMode("private")
            .withCgroupnsMode("private")
            .withPidsLimit(spec.limits().pids())
            .withMemory(spec.limits().memoryBytes())
            // memory and swap together: no swap
            .withMemorySwap(spec.limits().memoryBytes())
            .withNanoCPUs(Math.round(spec.limits().cpus() * 1e9))
            .withCpuShares(ResourceLimits.CPU_SHARES)
            .withCgroupParent(spec.limits().cgroupParent())
            // rather a sandbox than the engine, when the host runs out of memory
            .withOomScoreAdj(500)
            .withUlimits(
                List.of(
                    new Ulimit(
                        "nofile", ResourceLimits.MOST_OPEN_FILES, ResourceLimits.MOST_OPEN_FILES),
                    new Ulimit("core", 0L, 0L)))
            .withRestartPolicy(RestartPolicy.noRestart())
            // the runner takes the place of init, and reaps
            .withInit(false)
            .withPublishAllPorts(false)
            .withLogConfig(logConfig(policy));
    Map<String, String> sysctls = new HashMap<>();
    if (ipv6) {
      sysctls.put("net.ipv6.conf.all.disable_ipv6", "1");
    }
    if (policy.hasNetwork()) {
      // what is sent to the engine's resolver leaves for another one
      sysctls.put("net.ipv4.conf.all.route_localnet", "1");
    }
    config.withSysctls(sysctls);
    if (policy.rulesInSandbox()) {
      config.withCapAdd(Capability.NET_ADMIN);
    }
    if (policy.hasNetwork()) {
      switch (policy.dns()) {
        case Dns.EngineDefault _ -> {}
        // The engine's resolver would ask the host's from outside the sandbox, where no rule of
        // ours holds. Told to ask the sandbox itself, it finds nobody.
        case Dns.Off _ -> config.withDns("127.0.0.1");
        case Dns.Resolvers resolvers -> config.withDns(resolvers.addresses());
      }
    }
    Integer ioWeight = spec.limits().ioWeight();
    if (ioWeight != null) {
      config.withBlkioWeight(ioWeight);
    }
    String runtime = spec.runtime();
    if (runtime != null) {
      config.withRuntime(runtime);
    }
    return config;
  }

  /** What the runner writes is people's data, of which no copy is kept. */
  private static LogConfig logConfig(NetworkPolicy policy) {
    return policy.rulesInSandbox()
        ? new LogConfig(
            LogConfig.LoggingType.LOCAL,
            Map.of("max-size", "1m", "max-file", "1", "compress", "false"))
        : new LogConfig(LogConfig.LoggingType.NONE, Map.of());
  }

  /** A mount, since for a bind the engine would make a missing source, as root. */
  private static Mount mount(Path source, String target, BindPropagation propagation) {
    return new Mount()
        .withType(MountType.BIND)
        .withSource(source.toString())
        .withTarget(target)
        .withReadOnly(false)
        .withBindOptions(new BindOptions().withPropagation(propagation));
  }
}
