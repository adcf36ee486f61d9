/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.databind.json.JsonMapper;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.ResourceLimits;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
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
      assertThat(problem(spec(runtime, mode, new Egress.Public())) != null).isEqualTo(refused);
      assertThat(problem(spec(runtime, mode, new Egress.None())))
          .as("no network, no rules")
          .isNull();
    }
  }

  @Test
  void theEnginesDefaultRuntimeCountsWhereNoneIsNamed() throws Exception {
    assertThat(problem(spec(null, FirewallMode.CONTAINER, new Egress.Public())))
        .contains("container has no effect", "by-path");
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
    assertThat(e.getMessage()).contains("/data does not show the mapped ids");
  }

  /** As engines say it; one with cgroup version 1 does not say that it weighs nothing. */
  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "{\"CgroupVersion\": \"2\", \"Warnings\": null}; true",
        "{\"CgroupVersion\": \"2\", \"Warnings\": [\"WARNING: No swap limit support\"]}; true",
        "{\"CgroupVersion\": \"2\", \"Warnings\": [\"WARNING: No io.weight support\"]}; false",
        "{\"CgroupVersion\": \"1\", \"Warnings\": null}; false",
        "{}; false"
      })
  void ioIsWeighedWithCgroupVersion2AndTheIoController(String info, boolean weighs)
      throws Exception {
    JsonMapper json = new JsonMapper();
    FactsReading reading = new FactsReading(json.readTree(info), json.readTree("{}"));
    assertThat(reading.facts().cgroups().weighsIo()).isEqualTo(weighs);
  }

  @ParameterizedTest
  @CsvSource(
      nullValues = "default",
      value = {"runc, false", "default, false", "by-path, false", "by-type, true", "runsc, false"})
  void aRuntimeThatServesFilesItselfHasSlotsOnGvisorOnly(@Nullable String runtime, boolean refused)
      throws Exception {
    String problem =
        facts("name=seccomp", "/var/lib/docker")
            .slotProblem(spec(runtime, FirewallMode.HOST, new Egress.Public()));
    if (refused) {
      assertThat(problem).contains("by-type", "later mounts");
    } else {
      assertThat(problem).isNull();
    }
  }

  private static @Nullable String problem(SandboxSpec spec) throws Exception {
    return facts("name=seccomp", "/var/lib/docker").firewallProblem(spec);
  }

  private static SandboxSpec spec(@Nullable String runtime, FirewallMode mode, Egress egress) {
    NetworkPolicy policy = new NetworkPolicy(mode, egress, new Dns.EngineDefault(), List.of());
    return new SandboxSpec(
        "image", runtime, new ResourceLimits(1, 1, 1, 1, null, null), "net", policy);
  }

  private static EngineFacts facts(String securityOption, String dataRoot) throws Exception {
    JsonMapper json = new JsonMapper();
    return new FactsReading(
            json.readTree(
                """
                {"SecurityOptions": ["%s"], "DockerRootDir": "%s", "DefaultRuntime": "by-path",
                 "Runtimes": {"runc": {"path": "runc"},
                   "by-path": {"path": "/usr/local/bin/runsc", "runtimeArgs": ["--x"]},
                   "by-type": {"runtimeType": "io.containerd.kata.v2"}}}\
                """
                    .formatted(securityOption, dataRoot)),
            json.readTree("{\"Version\": \"28.0.0\"}"))
        .facts();
  }
}
