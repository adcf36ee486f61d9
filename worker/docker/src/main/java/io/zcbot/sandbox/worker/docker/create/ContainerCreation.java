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
import com.github.dockerjava.api.model.HealthCheck;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.api.model.LogConfig;
import com.github.dockerjava.api.model.Mount;
import com.github.dockerjava.api.model.MountType;
import com.github.dockerjava.api.model.RestartPolicy;
import com.github.dockerjava.api.model.Ulimit;
import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.docker.api.ContainerOwner;
import io.zcbot.sandbox.worker.docker.api.SandboxLabels;
import io.zcbot.sandbox.worker.docker.host.RuntimeVolume;
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
import org.jspecify.annotations.Nullable;

/**
 * Builds the requests that create sandboxes and slots of one spec, with all their limits and
 * security options. Sends nothing. Thread-safe.
 */
public final class ContainerCreation {
  static final String WORKSPACE = "/workspace";

  /**
   * The least segment that TCP sends, in bytes and for IPv6 as well. What counts packets sees up to
   * 64 KiB of segments as one. Hosts of the Internet receive packets of at least 576 bytes.
   */
  private static final int MIN_SEGMENT = 448;

  private final SandboxSpec spec;
  private final ContainerOwner owner;
  private final @Nullable Mount runtime;

  /** Creates requests for an image that was built from {@code sandbox-image}. */
  public ContainerCreation(SandboxSpec spec, ContainerOwner owner) {
    this(spec, owner, null);
  }

  /**
   * Creates requests.
   *
   * @param runtime the mount of {@link RuntimeVolume}, by which any other image starts; null for an
   *     image that was built from {@code sandbox-image}
   */
  ContainerCreation(SandboxSpec spec, ContainerOwner owner, @Nullable Mount runtime) {
    this.spec = spec;
    this.owner = owner;
    this.runtime = runtime;
  }

  /**
   * Builds the request for a user's sandbox.
   *
   * @param uid the user that its processes run as
   * @param ipv6 whether the host's kernel has IPv6, which is then disabled in the sandbox
   */
  public CreateContainerCmd sandbox(
      DockerClient client, UserId user, Path workspace, int uid, boolean ipv6) {
    return command(
        client,
        Container.nameOf(user),
        labels(SandboxLabels.USER, user.toString(), uid),
        uid,
        // later mounts on the host must not appear in a running sandbox
        mount(workspace, WORKSPACE, BindPropagation.R_PRIVATE),
        ipv6);
  }

  /**
   * Builds the request for a slot, whose user and workspace come later: a mount that is made in the
   * slot's directory later propagates into the container.
   *
   * @param source the host's directory to mount: that of the layout, or another in a reference
   *     container
   * @param uid the user that its processes run as
   * @param ipv6 whether the host's kernel has IPv6, which is then disabled in the sandbox
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
                owner.workerId(),
                SandboxLabels.SPEC,
                spec.hash()));
    if (uid != SandboxUids.SHARED.first()) {
      labels.put(SandboxLabels.UID, String.valueOf(uid));
    }
    if (!owner.profile().equals(ProfileName.DEFAULT)) {
      labels.put(SandboxLabels.PROFILE, owner.profile());
    }
    if (owner.fleet() != null) {
      labels.put(SandboxLabels.FLEET, owner.fleet());
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
            // root only where init sets firewall rules, which requires NET_ADMIN
            .withUser(policy.rulesInSandbox() ? "0:0" : uid + ":" + uid)
            .withWorkingDir(WORKSPACE)
            .withEnv(environment(policy))
            .withCmd(settings(policy))
            .withAttachStdin(false)
            .withAttachStdout(true)
            .withAttachStderr(true)
            // standard input stays open, so that each worker in turn can attach to the runner
            .withStdinOpen(!policy.rulesInSandbox())
            .withStdInOnce(false)
            .withTty(false)
            // an image's own would run by execs, each of which counts as a use
            .withHealthcheck(new HealthCheck().withTest(List.of("NONE")));
    if (runtime != null) {
      command.withEntrypoint(RuntimeVolume.INIT);
    }
    return command.withHostConfig(hostConfig(workspace, ipv6));
  }

  /**
   * The environment of sandboxes that do not run as root: the engine finds no home directory for a
   * user id that /etc/passwd does not have. Root's home must not be the workspace, because files
   * that a user's command leaves there would be executed by a root shell.
   */
  private static List<String> environment(NetworkPolicy policy) {
    return policy.rulesInSandbox() ? List.of() : List.of("HOME=" + WORKSPACE, "USER=sandbox");
  }

  /**
   * The settings for init, passed as arguments. Only those that it needs: an init that sets no
   * rules gets no addresses.
   */
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
      settings.add("ZCBOT_BANDWIDTH=" + policy.traffic().bytesPerSecond());
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
            .withMounts(runtime == null ? List.of(workspace) : List.of(runtime, workspace))
            .withShmSize(64L << 20)
            .withPrivileged(false)
            .withCapDrop(Capability.ALL)
            .withSecurityOpts(List.of("no-new-privileges:true"))
            .withIpcMode("private")
            .withCgroupnsMode("private")
            .withPidsLimit(spec.limits().pids())
            .withMemory(spec.limits().memoryBytes())
            // the sum of memory and swap, so there is no swap
            .withMemorySwap(spec.limits().memoryBytes())
            .withNanoCPUs(Math.round(spec.limits().cpus() * 1e9))
            .withCpuShares(ResourceLimits.CPU_SHARES)
            .withCgroupParent(spec.limits().cgroupParent())
            // on a shortage of memory the kernel kills a sandbox rather than the engine
            .withOomScoreAdj(500)
            .withUlimits(
                List.of(
                    new Ulimit(
                        "nofile", ResourceLimits.MOST_OPEN_FILES, ResourceLimits.MOST_OPEN_FILES),
                    // with 0 the kernel pipes core dumps to a program of the host; with 1 it does
                    // not, and writes no file either
                    new Ulimit("core", 1L, 1L)))
            .withRestartPolicy(RestartPolicy.noRestart())
            // the runner is the init process and reaps orphans
            .withInit(false)
            .withPublishAllPorts(false)
            .withLogConfig(logConfig(policy));
    Map<String, String> sysctls = new HashMap<>();
    if (ipv6) {
      sysctls.put("net.ipv6.conf.all.disable_ipv6", "1");
    }
    if (policy.hasNetwork()) {
      // needed to redirect queries from the engine's resolver, on loopback, to another one
      sysctls.put("net.ipv4.conf.all.route_localnet", "1");
      sysctls.put("net.ipv4.tcp_min_snd_mss", String.valueOf(MIN_SEGMENT));
    }
    config.withSysctls(sysctls);
    if (policy.rulesInSandbox()) {
      config.withCapAdd(Capability.NET_ADMIN);
    }
    if (policy.hasNetwork()) {
      switch (policy.dns()) {
        case Dns.EngineDefault _ -> {}
        // The engine's resolver would forward queries from outside the sandbox, where none of our
        // rules applies. With the sandbox itself as the upstream resolver, queries fail.
        case Dns.Off _ -> config.withDns("127.0.0.1");
        case Dns.Resolvers resolvers -> config.withDns(resolvers.addresses());
      }
    }
    Integer ioWeight = spec.limits().ioWeight();
    if (ioWeight != null) {
      config.withBlkioWeight(ioWeight);
    }
    String name = spec.runtime();
    if (name != null) {
      config.withRuntime(name);
    }
    return config;
  }

  /** The runner's output is users' data, so the engine must not store a copy. */
  private static LogConfig logConfig(NetworkPolicy policy) {
    return policy.rulesInSandbox()
        ? new LogConfig(
            LogConfig.LoggingType.LOCAL,
            Map.of("max-size", "1m", "max-file", "1", "compress", "false"))
        : new LogConfig(LogConfig.LoggingType.NONE, Map.of());
  }

  /**
   * Builds a bind mount. As a mount rather than a bind, because for a bind the engine would create
   * a missing source directory as root.
   */
  private static Mount mount(Path source, String target, BindPropagation propagation) {
    return new Mount()
        .withType(MountType.BIND)
        .withSource(source.toString())
        .withTarget(target)
        .withReadOnly(false)
        .withBindOptions(new BindOptions().withPropagation(propagation));
  }
}
