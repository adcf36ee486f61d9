package io.zcbot.sandbox.worker.docker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.github.dockerjava.api.model.Info;
import com.github.dockerjava.core.DefaultDockerClientConfig;
import io.zcbot.sandbox.worker.sandbox.Dns;
import io.zcbot.sandbox.worker.sandbox.Egress;
import io.zcbot.sandbox.worker.sandbox.EngineException;
import io.zcbot.sandbox.worker.sandbox.EngineException.Kind;
import io.zcbot.sandbox.worker.sandbox.FirewallMode;
import io.zcbot.sandbox.worker.sandbox.NetworkPolicy;
import io.zcbot.sandbox.worker.sandbox.SandboxSpec;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EngineFactsTest {
  @ParameterizedTest
  @CsvSource({
    "runc, false",
    "crun, false",
    "io.containerd.runc.v2, false",
    "runsc, true",
    "kata-qemu, true",
    "io.containerd.kata.v2, true",
    "by-path, true",
    "by-type, true",
    "unknown, false"
  })
  void rulesInsideDontHoldWhereTheNetworkStackIsNotTheKernels(String runtime, boolean own)
      throws Exception {
    for (FirewallMode mode : FirewallMode.values()) {
      boolean refused = own && mode != FirewallMode.HOST;
      assertThat(refusal(spec(runtime, mode, new Egress.Public())) != null).isEqualTo(refused);
      assertThat(refusal(spec(runtime, mode, new Egress.None())))
          .as("no network, no rules")
          .isNull();
    }
  }

  @Test
  void theEnginesDefaultRuntimeCountsWhereNoneIsNamed() throws Exception {
    EngineException e = refusal(spec(null, FirewallMode.CONTAINER, new Egress.Public()));

    assertThat(e).isNotNull();
    assertThat(e.kind()).isEqualTo(Kind.REJECTED);
    assertThat(e.getMessage()).contains("by-path", "set ZCBOT_SANDBOX_FIREWALL=host");
  }

  @Test
  void workspacesBelongToWhomTheEngineMapsTheSandboxUserTo() throws Exception {
    assertThat(facts("name=seccomp,profile=builtin", "/var/lib/docker").workspaceOwner())
        .isEqualTo(Workspaces.Owner.UNMAPPED);
    assertThat(facts("name=userns", "/var/lib/docker/100000.200000").workspaceOwner())
        .isEqualTo(new Workspaces.Owner(101_000, 201_000));
    EngineException e =
        catchThrowableOfType(
            EngineException.class, () -> facts("name=userns", "/data").workspaceOwner());
    assertThat(e.kind()).isEqualTo(Kind.REJECTED);
    assertThat(e.getMessage()).contains("/data does not tell to which ids");
  }

  private static @Nullable EngineException refusal(SandboxSpec spec) throws Exception {
    EngineFacts facts = facts("name=seccomp", "/var/lib/docker");
    try {
      facts.refuseWhatWouldNotHold(spec);
      return null;
    } catch (EngineException e) {
      return e;
    }
  }

  private static SandboxSpec spec(@Nullable String runtime, FirewallMode mode, Egress egress) {
    NetworkPolicy policy = new NetworkPolicy(mode, egress, new Dns.EngineDefault(), List.of());
    return new SandboxSpec("image", runtime, 1, 1, 1, 1, "net", policy);
  }

  private static EngineFacts facts(String securityOption, String dataRoot) throws Exception {
    return EngineFacts.of(
        DefaultDockerClientConfig.createDefaultConfigBuilder()
            .build()
            .getObjectMapper()
            .readValue(
                """
                {"SecurityOptions": ["%s"], "DockerRootDir": "%s", "DefaultRuntime": "by-path",
                 "Runtimes": {"runc": {"path": "runc"},
                   "by-path": {"path": "/usr/local/bin/runsc", "runtimeArgs": ["--x"]},
                   "by-type": {"runtimeType": "io.containerd.kata.v2"}}}"""
                    .formatted(securityOption, dataRoot),
                Info.class));
  }
}
