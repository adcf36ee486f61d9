/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.dockerjava.api.command.CreateContainerCmd;
import com.github.dockerjava.api.command.InspectContainerResponse;
import com.github.dockerjava.api.model.AccessMode;
import com.github.dockerjava.api.model.Bind;
import com.github.dockerjava.api.model.Capability;
import com.github.dockerjava.api.model.Device;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.api.model.LogConfig;
import com.github.dockerjava.api.model.RestartPolicy;
import com.github.dockerjava.api.model.Volume;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.docker.EngineFixture;
import io.zcbot.sandbox.worker.docker.EngineFixture.Started;
import io.zcbot.sandbox.worker.engine.Container;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Containers that have the right labels, but do not match them. */
@Tag("engine")
@Tag("network-namespaces")
@Tag("gvisor")
@AlsoOn(Profile.RUNC_CLAIMED)
class TamperingIT extends Attacks {
  private record Weakness(String name, Consumer<CreateContainerCmd> change) {
    static Weakness of(String name, Consumer<HostConfig> change) {
      return new Weakness(name, command -> change.accept(command.getHostConfig()));
    }
  }

  private static Stream<Weakness> weaknesses(String anotherImage) {
    return Stream.of(
        Weakness.of("privileged", host -> host.withPrivileged(true)),
        Weakness.of("a capability", host -> host.withCapAdd(Capability.SYS_ADMIN)),
        Weakness.of("capabilities not dropped", host -> host.withCapDrop()),
        Weakness.of("a root that can be written", host -> host.withReadonlyRootfs(false)),
        new Weakness(
            "the host's network",
            command ->
                command
                    .withHostName("")
                    .getHostConfig()
                    .withNetworkMode("host")
                    .withSysctls(Map.of())),
        Weakness.of("another network", host -> host.withNetworkMode("bridge")),
        Weakness.of("the host's processes", host -> host.withPidMode("host")),
        Weakness.of("the host's IPC", host -> host.withIpcMode("host")),
        Weakness.of("the host's cgroups", host -> host.withCgroupnsMode("host")),
        Weakness.of(
            "the engine's socket",
            host ->
                host.withBinds(
                    new Bind(
                        "/var/run/docker.sock", new Volume("/run/docker.sock"), AccessMode.rw))),
        Weakness.of("no memory limit", host -> host.withMemory(0L).withMemorySwap(0L)),
        Weakness.of("more memory", host -> host.withMemory(1L << 30).withMemorySwap(1L << 30)),
        Weakness.of("swap", host -> host.withMemorySwap(host.getMemory() * 2)),
        Weakness.of("no process limit", host -> host.withPidsLimit(0L)),
        Weakness.of("all CPUs", host -> host.withNanoCPUs(0L)),
        Weakness.of("new privileges", host -> host.withSecurityOpts(List.of())),
        Weakness.of(
            "no seccomp",
            host -> host.withSecurityOpts(List.of("no-new-privileges:true", "seccomp=unconfined"))),
        Weakness.of(
            "a device", host -> host.withDevices(new Device("rwm", "/dev/kmsg", "/dev/kmsg"))),
        Weakness.of("a device rule", host -> host.withDeviceCgroupRules(List.of("a *:* rwm"))),
        Weakness.of("files without limit", host -> host.withUlimits(List.of())),
        Weakness.of("a larger /tmp", host -> host.withTmpFs(Map.of("/tmp", "size=200m"))),
        Weakness.of(
            "a restart policy", host -> host.withRestartPolicy(RestartPolicy.alwaysRestart())),
        Weakness.of("another to reap", host -> host.withInit(!Boolean.TRUE.equals(host.getInit()))),
        Weakness.of(
            "a log of what commands say",
            host -> host.withLogConfig(new LogConfig(LogConfig.LoggingType.JSON_FILE, Map.of()))),
        Weakness.of("a group", host -> host.withGroupAdd(List.of("0"))),
        Weakness.of("names of its own", host -> host.withExtraHosts("pypi.org:10.0.0.1")),
        new Weakness("another image", command -> command.withImage(anotherImage)),
        new Weakness("another first process", command -> command.withEntrypoint("sleep", "600")),
        new Weakness("another user", command -> command.withUser("1234")),
        new Weakness(
            "another work directory", command -> command.withWorkingDir("/proc/self/fd/8")),
        new Weakness(
            "an emptied block list",
            command -> command.withCmd("ZCBOT_FIREWALL=host", "ZCBOT_PG_IPS=")));
  }

  private boolean isAsSpecified(Started sandbox, String nameOrId) throws Exception {
    return lab.fixture
        .sandboxes(lab.spec)
        .verify(nameOrId, sandbox.user(), sandbox.workspace())
        .orElseThrow()
        .isAsSpecified();
  }

  @Row(44)
  @Test
  void whatIsWeakerHasNoSpecWhateverItsLabelSays() throws Exception {
    Started sandbox = lab.fresh();
    assertThat(isAsSpecified(sandbox, sandbox.id())).isTrue();
    InspectContainerResponse original = lab.fixture.docker.inspectContainerCmd(sandbox.id()).exec();
    // Whose a claimed slot is, its name tells; so its copies take over the name.
    String name = Container.nameOf(sandbox.user());
    lab.fixture.docker.renameContainerCmd(sandbox.id()).withName(name + "-original").exec();
    String same = made(original, name, _ -> {});
    assertThat(isAsSpecified(sandbox, same)).as("made just like it").isTrue();
    lab.fixture.engine.remove(same);

    List<Weakness> weaknesses =
        new ArrayList<>(weaknesses(lab.image("LABEL another=image")).toList());
    if (profile.ownKernel()) {
      weaknesses.add(Weakness.of("the host's kernel", lab::onHostsKernel));
    }
    for (Weakness weakness : weaknesses) {
      String weaker = made(original, name, weakness.change);
      assertThat(lab.fixture.engine.find(weaker).orElseThrow().specHash())
          .as(weakness.name + ", by its label alone")
          .isEqualTo(lab.spec.hash());
      assertThat(isAsSpecified(sandbox, weaker)).as(weakness.name).isFalse();
      lab.fixture.engine.remove(weaker);
    }
  }

  private String made(
      InspectContainerResponse original, String name, Consumer<CreateContainerCmd> change) {
    try (CreateContainerCmd command = lab.copy(original, name, original.getConfig().getLabels())) {
      change.accept(command);
      return command.exec().getId();
    }
  }

  @Row(44)
  @Test
  void whatIsChangedLaterIsNoticed() throws Exception {
    Started raised = profile.ownKernel() ? created() : lab.fresh(); // gVisor refuses while it runs
    assertThat(isAsSpecified(raised, raised.id())).isTrue();
    lab.fixture
        .docker
        .updateContainerCmd(raised.id())
        .withMemory(1L << 30)
        .withMemorySwap(1L << 30)
        .exec();
    assertThat(isAsSpecified(raised, raised.id())).as("more memory").isFalse();

    Started connected = lab.fresh();
    lab.fixture
        .docker
        .connectToNetworkCmd()
        .withNetworkId("bridge")
        .withContainerId(connected.id())
        .exec();
    assertThat(isAsSpecified(connected, connected.id())).as("a second network").isFalse();
  }

  private Started created() throws Exception {
    UserId user = EngineFixture.user();
    return new Started(user, lab.fixture.create(lab.spec, user), lab.fixture.workspace(user));
  }
}
