/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.docker.host.EngineFacts;
import io.zcbot.sandbox.worker.docker.host.SandboxGround;
import io.zcbot.sandbox.worker.doctor.Finding.Level;
import io.zcbot.sandbox.worker.security.Row;
import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.ResourceLimits;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.spec.WorkspaceLimit;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EngineChecksTest {
  private static final List<String> HARDENED =
      List.of("name=apparmor", "name=seccomp,profile=builtin", "name=userns", "name=cgroupns");

  private static final WorkspaceLimit LIMIT = WorkspaceLimit.of(1 << 30, 0);

  private static EngineFacts facts(
      String version, String runc, int cgroups, List<String> options, List<String> unlimited) {
    return new EngineFacts(
        new EngineFacts.Versions(version, "1.47", "6.12.0", runc),
        new EngineFacts.Cgroups(
            cgroups, cgroups == 2 ? "systemd" : "cgroupfs", unlimited, cgroups == 2),
        options,
        new EngineFacts.Runtimes(Map.of("runc", "{}", "runsc", "{}"), "runc"),
        new EngineFacts.Storage("overlay2", "xfs", "/var/lib/docker"),
        8L << 30,
        4,
        true,
        Instant.EPOCH);
  }

  private static SandboxSpec spec(@Nullable String runtime) {
    return spec(runtime, null);
  }

  private static SandboxSpec spec(@Nullable String runtime, @Nullable Integer ioWeight) {
    return spec(runtime, ioWeight, 1.0);
  }

  private static SandboxSpec spec(
      @Nullable String runtime, @Nullable Integer ioWeight, double cpus) {
    return new SandboxSpec(
        "image",
        runtime,
        new ResourceLimits(1 << 30, cpus, 256, 1 << 20, ioWeight, null),
        "network",
        NetworkPolicy.DEFAULT);
  }

  private static Map<String, Level> levels(List<Finding> findings) {
    return findings.stream().collect(Collectors.toMap(Finding::check, Finding::level));
  }

  @Test
  void aHardenedEngineHasNoFault() {
    // The release's own list would be too old some day.
    Advisories recent = Advisories.parse("as of | " + LocalDate.now(ZoneOffset.UTC) + "\n");
    List<Finding> findings =
        EngineChecks.of(
            facts("29.5.1", "1.3.6", 2, HARDENED, List.of()), spec("runsc"), LIMIT, recent);
    assertThat(levels(findings).values()).containsOnly(Level.OK);
  }

  @Test
  void theRuntimesAreListedWithTheKernelsThatCommandsSee() {
    assertThat(runtime(null))
        .startsWith("the engine's default, runc, on the host's kernel")
        .endsWith("the engine has runc, runsc (a kernel of its own)");
    assertThat(runtime("runsc")).startsWith("runsc, with a kernel of its own; the engine has runc");
  }

  private static String runtime(@Nullable String name) {
    return EngineChecks.of(facts("28.5.0", "1.3.3", 2, HARDENED, List.of()), spec(name), LIMIT)
        .stream()
        .filter(finding -> finding.check().equals("runtime"))
        .findFirst()
        .orElseThrow()
        .detail();
  }

  @Test
  void whatMakesSandboxesWeakerIsWarnedOf() {
    Map<String, Level> levels =
        levels(
            EngineChecks.of(
                facts("26.1.5", "1.1.15", 1, List.of("name=seccomp,profile=builtin"), List.of()),
                spec(null),
                LIMIT));
    assertThat(levels)
        .containsEntry("engine", Level.WARN)
        .containsEntry("runc", Level.WARN)
        .containsEntry("cgroups", Level.WARN)
        .containsEntry("mac", Level.WARN)
        .containsEntry("userns", Level.WARN)
        .containsEntry("quota-hold", Level.WARN)
        .containsEntry("seccomp", Level.OK)
        .doesNotContainValue(Level.FAIL);
  }

  @Test
  void whatBreaksAPromiseFails() {
    Map<String, Level> levels =
        levels(
            EngineChecks.of(
                facts(
                    "29.5.1",
                    "1.3.6",
                    2,
                    List.of("name=seccomp,profile=unconfined"),
                    List.of("pids")),
                spec("kata"),
                null));
    assertThat(levels)
        .containsEntry("seccomp", Level.FAIL)
        .containsEntry("limits", Level.FAIL)
        .containsEntry("runtime", Level.FAIL);
    assertThat(
            levels(
                EngineChecks.of(
                    facts("29.5.1", "1.3.6", 2, List.of(), List.of()), spec(null), null)))
        .containsEntry("seccomp", Level.FAIL);
  }

  /** The kernel forbids it in a user namespace only; to gVisor's files it does not come. */
  @Test
  void whetherALimitHoldsAgainstHostileCode() {
    List<String> plain = List.of("name=seccomp,profile=builtin");
    assertThat(quotaHold(plain, null)).isEqualTo(Level.WARN);
    assertThat(quotaHold(plain, "runc")).isEqualTo(Level.WARN);
    assertThat(quotaHold(plain, "runsc")).isEqualTo(Level.OK);
    assertThat(quotaHold(List.of("name=userns"), null)).isEqualTo(Level.OK);
    assertThat(quotaHold(List.of("name=rootless"), null)).isEqualTo(Level.OK);
    assertThat(
            levels(
                EngineChecks.of(facts("29.5.1", "1.3.6", 2, plain, List.of()), spec(null), null)))
        .as("where none is asked for")
        .doesNotContainKey("quota-hold");
  }

  private static @Nullable Level quotaHold(List<String> options, @Nullable String runtime) {
    return levels(
            EngineChecks.of(facts("29.5.1", "1.3.6", 2, options, List.of()), spec(runtime), LIMIT))
        .get("quota-hold");
  }

  @Test
  void aWeightThatTheEngineWouldDiscardFails() {
    SandboxSpec weighed = spec(null, 200);
    assertThat(
            levels(
                EngineChecks.of(facts("29.5.1", "1.3.6", 2, HARDENED, List.of()), weighed, null)))
        .containsEntry("io-weight", Level.OK);
    assertThat(
            levels(
                EngineChecks.of(facts("29.5.1", "1.3.6", 1, HARDENED, List.of()), weighed, null)))
        .containsEntry("io-weight", Level.FAIL);
  }

  /** Or the worker would be ready, and the engine would refuse every sandbox. */
  @ParameterizedTest
  @CsvSource({"0.01, OK", "4, OK", "4.01, FAIL", "1024, FAIL"})
  void aSandboxThatCouldUseMoreProcessorsThanThereAreFails(double cpus, Level level) {
    SandboxSpec spec = spec(null, null, cpus);
    List<Finding> findings =
        EngineChecks.of(facts("29.5.1", "1.3.6", 2, HARDENED, List.of()), spec, null);
    assertThat(levels(findings)).containsEntry("processors", level);
    assertThat(findings)
        .filteredOn(finding -> finding.level() == Level.FAIL)
        .allSatisfy(
            finding -> assertThat(finding.fix()).isEqualTo("set ZCBOT_SANDBOX_CPUS to at most 4"));
  }

  /** An engine in the root of the hierarchy sees no file that would limit swap. */
  @Test
  void anEngineThatCanNotLimitSwapMayLackAGroupOfItsOwn() {
    assertThat(
            EngineChecks.of(
                facts("29.5.1", "1.3.6", 2, HARDENED, List.of("swap")), spec(null), null))
        .filteredOn(finding -> finding.level() == Level.FAIL)
        .singleElement()
        .satisfies(finding -> assertThat(finding.fix()).contains("its own cgroup"));
  }

  @Test
  void everythingThatIsNotOkNamesAFix() {
    for (Finding finding :
        EngineChecks.of(
            facts("20.10.1", "", 0, List.of(), List.of("cpu")), spec("kata", 10), LIMIT)) {
      assertThat(finding.fix().isEmpty())
          .as(finding.toString())
          .isEqualTo(finding.level() == Level.OK);
    }
  }

  private static Level ofForeign(FirewallMode firewall, SandboxGround.@Nullable Image runtime) {
    SandboxGround.Image image =
        new SandboxGround.Image(
            "sha256:1", false, false, false, List.of("a"), List.of(), List.of());
    SandboxGround.Helper runner = new SandboxGround.Helper("runner:1", runtime);
    SandboxSpec spec = spec(null);
    NetworkPolicy policy =
        new NetworkPolicy(firewall, new Egress.Public(), new Dns.EngineDefault(), List.of());
    return Objects.requireNonNull(
        levels(
                GroundChecks.of(
                    new SandboxGround(image, null, null, runner),
                    new SandboxSpec(
                        spec.image(), spec.runtime(), spec.limits(), spec.network(), policy)))
            .get("image"));
  }

  @Test
  void anyImageWillDoIfThereIsARunnerForIt() {
    SandboxGround.Image ours = image(false, "b");
    assertThat(ofForeign(FirewallMode.HOST, ours)).isEqualTo(Level.OK);
    assertThat(ofForeign(FirewallMode.HOST, null)).isEqualTo(Level.FAIL);
    assertThat(ofForeign(FirewallMode.CONTAINER, ours)).isEqualTo(Level.FAIL);
  }

  @Test
  void imageAndNetwork() {
    assertThat(levels(GroundChecks.of(new SandboxGround(null, null, null), spec(null))))
        .containsEntry("image", Level.FAIL)
        .containsEntry("network", Level.OK);
    assertThat(
            levels(
                GroundChecks.of(
                    new SandboxGround(
                        new SandboxGround.Image(
                            "sha256:1",
                            false,
                            true,
                            false,
                            List.of("a", "b"),
                            List.of(),
                            List.of()),
                        null,
                        new SandboxGround.Network("bridge", false)),
                    spec(null))))
        .containsEntry("image", Level.FAIL)
        .containsEntry("network", Level.FAIL);
    assertThat(
            levels(
                GroundChecks.of(
                    new SandboxGround(
                        new SandboxGround.Image(
                            "sha256:1", true, true, false, List.of("a", "b"), List.of(), List.of()),
                        null,
                        new SandboxGround.Network("bridge", true)),
                    spec(null))))
        .containsEntry("image", Level.OK)
        .containsEntry("network", Level.OK);
  }

  @Row(63)
  @Test
  void whatOldEnginesPublishIsWarnedOf() {
    for (String version : List.of("26.1.5+dfsg1", "27.5.1")) {
      assertThat(
              levels(
                  EngineChecks.of(
                      facts(version, "1.3.6", 2, HARDENED, List.of()), spec(null), null)))
          .containsEntry("published-ports", Level.WARN);
    }
    assertThat(
            levels(
                EngineChecks.of(
                    facts("28.0.0", "1.3.6", 2, HARDENED, List.of()), spec(null), null)))
        .containsEntry("published-ports", Level.OK);
  }

  private static SandboxGround.Image image(boolean fromRegistry, String... layers) {
    return new SandboxGround.Image(
        "sha256:1", true, true, fromRegistry, List.of(layers), List.of(), List.of());
  }

  private static Map<String, Level> ground(
      String name, SandboxGround.Image image, SandboxGround.@Nullable Image helper) {
    SandboxSpec plain = spec(null);
    return levels(
        GroundChecks.of(
            new SandboxGround(image, new SandboxGround.Helper("helper", helper), null),
            new SandboxSpec(name, null, plain.limits(), plain.network(), plain.policy())));
  }

  @Row(64)
  @Test
  void anImageOfARegistryIsNamedByItsDigest() {
    String tagged = "registry.example/sandbox:latest";
    assertThat(ground(tagged, image(true, "a"), image(false, "b")))
        .containsEntry("image", Level.WARN);
    assertThat(ground(tagged, image(false, "a"), image(false, "b")))
        .as("built here")
        .containsEntry("image", Level.OK);
    assertThat(
            ground(
                "registry.example/sandbox@sha256:" + "0".repeat(64),
                image(true, "a"),
                image(false, "b")))
        .containsEntry("image", Level.OK);
  }

  @Test
  void anImageThatAddsVolumesToSandboxesFails() {
    assertThat(
            levels(GroundChecks.of(new SandboxGround(image(false, "a"), null, null), spec(null))))
        .containsEntry("volumes", Level.OK);
    SandboxGround.Image image =
        new SandboxGround.Image(
            "sha256:1", true, true, false, List.of("a"), List.of("/data"), List.of());
    assertThat(GroundChecks.of(new SandboxGround(image, null, null), spec(null)))
        .filteredOn(finding -> finding.level() == Level.FAIL)
        .singleElement()
        .satisfies(
            finding -> {
              assertThat(finding.detail()).contains("/data");
              assertThat(finding.fix()).contains("remove VOLUME");
            });
  }

  @Row(54)
  @Test
  void imagesThatShareALayerAreWarnedOf() {
    assertThat(ground("image", image(false, "a", "b"), image(false, "c", "a")))
        .containsEntry("firewall-image", Level.WARN);
    assertThat(ground("image", image(false, "a", "b"), image(false, "c")))
        .containsEntry("firewall-image", Level.OK);
    assertThat(ground("image", image(false, "a", "b"), null))
        .containsEntry("firewall-image", Level.FAIL);
  }
}
