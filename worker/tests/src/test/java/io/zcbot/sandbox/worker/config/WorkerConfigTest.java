/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import static io.zcbot.sandbox.worker.config.Environment.problem;
import static io.zcbot.sandbox.worker.config.Environment.problems;
import static io.zcbot.sandbox.worker.config.Environment.read;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.worker.spec.WorkspaceLimit;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class WorkerConfigTest {
  @ParameterizedTest
  @MethodSource("io.zcbot.sandbox.worker.config.SettingCase#all")
  void aSettingHasADefault(SettingCase row) throws Exception {
    assertThat(row.read().apply(read())).isEqualTo(row.fallback());
    assertThat(row.read().apply(read(row.key(), " ")))
        .as("set to nothing")
        .isEqualTo(row.fallback());
  }

  @ParameterizedTest
  @MethodSource("io.zcbot.sandbox.worker.config.SettingCase#all")
  void aValidValueAloneIsRead(SettingCase row) throws Exception {
    assertThat(row.read().apply(read(row.key(), row.value()))).isEqualTo(row.expected());
  }

  /** What is allowed is worded by the setting's kind; see KindTest. */
  @ParameterizedTest
  @MethodSource("io.zcbot.sandbox.worker.config.SettingCase#all")
  void aBadValueIsRefusedWithWhatIsAllowed(SettingCase row) {
    assertThat(problem(row.key(), row.bad()))
        .startsWith(row.key() + "=" + row.bad() + ": ")
        .contains("must be ");
  }

  @Test
  void everySettingIsTested() {
    Set<String> tested =
        SettingCase.all().stream()
            .map(SettingCase::key)
            .collect(Collectors.toCollection(TreeSet::new));
    tested.add("ZCBOT_KAFKA_PROPERTIES_FILE");
    tested.add("ZCBOT_WORKSPACE_FILES");
    tested.add("ZCBOT_SANDBOX_BUSY_CPU");
    tested.add("ZCBOT_PROFILES"); // in ProfilesFileTest
    assertThat(Setting.all().stream().map(Setting::key))
        .containsExactlyInAnyOrderElementsOf(tested);
  }

  @Test
  void otherProgramsKeysAreIgnored() throws Exception {
    assertThat(
            read(
                    "ZCBOT_STANDALONE_DATA", "./data",
                    "ZCBOT_TEST_X", "1",
                    "ZCBOT_DEMO_X", "1",
                    "ZCBOT_BENCH_X", "1",
                    "PATH", "/bin")
                .workerId())
        .isEqualTo("box-1");
  }

  @Test
  void dockerHostIsTheDefaultOfTheEnginesAddress() throws Exception {
    assertThat(read("DOCKER_HOST", "tcp://docker:2375").engineAddress())
        .isEqualTo("tcp://docker:2375");
    assertThat(
            read("DOCKER_HOST", "tcp://docker:2375", "ZCBOT_ENGINE_ADDRESS", "unix:///x.sock")
                .engineAddress())
        .isEqualTo("unix:///x.sock");
  }

  @Test
  void theWorkerItselfUsesDockerHost() throws Exception {
    assertThat(read().engine().dockerHost).isNull();
    assertThat(
            read("DOCKER_HOST", "tcp://docker:2375", "ZCBOT_ENGINE_ADDRESS", "unix:///x.sock")
                .engine()
                .dockerHost)
        .isEqualTo("tcp://docker:2375");
  }

  @Test
  void aDefaultFromOutsideThatIsNotAllowedIsAProblem() {
    assertThat(problem("DOCKER_HOST", "docker"))
        .startsWith("ZCBOT_ENGINE_ADDRESS=docker (default, DOCKER_HOST): must be an address")
        .endsWith("; set ZCBOT_ENGINE_ADDRESS");
    assertThatThrownBy(() -> WorkerConfig.fromEnvironment(Map.of(), () -> "(none)"))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith(
            "1 setting is invalid:\n  ZCBOT_WORKER_ID=(none) (default, the host's name): must be"
                + " 1 to 128 letters")
        .hasMessageEndingWith("; set ZCBOT_WORKER_ID");
  }

  @Test
  void theIdleTtlLiesWithinTheBoundsOfWhatEnsuresMayAskFor() throws Exception {
    assertThat(read("ZCBOT_SANDBOX_IDLE_TTL", "5").reaper().shortestIdleTtl)
        .isEqualTo(Duration.ofSeconds(5));
    assertThat(problem("ZCBOT_SANDBOX_IDLE_TTL_MIN", "301"))
        .contains("must not be longer than ZCBOT_SANDBOX_IDLE_TTL, which is 5m");
    assertThat(problem("ZCBOT_SANDBOX_IDLE_TTL_MAX", "299"))
        .contains("must not be shorter than ZCBOT_SANDBOX_IDLE_TTL, which is 5m");
  }

  @Test
  void aNoticeLeavesTimeToReact() throws Exception {
    assertThat(problem("ZCBOT_SANDBOX_NOTICE", "300"))
        .contains("must be shorter than ZCBOT_SANDBOX_IDLE_TTL, which is 5m");
    assertThat(problem("ZCBOT_SANDBOX_NOTICE", "10s"))
        .contains("must be longer than ZCBOT_REAPER_INTERVAL, which is 10s");
    assertThat(problems("ZCBOT_SANDBOX_NOTICE", "60s", "ZCBOT_SANDBOX_MAX_LIFETIME", "1m"))
        .anyMatch(
            each -> each.problem().contains("must be shorter than ZCBOT_SANDBOX_MAX_LIFETIME"));
  }

  @Test
  void processesAreUseOnlyWithinALifetime() throws Exception {
    assertThat(read().reaper().busyCpu).isNull();
    assertThat(problems("ZCBOT_SANDBOX_BUSY_CPU", "0.05", "ZCBOT_SANDBOX_MAX_LIFETIME", "off"))
        .anyMatch(each -> each.problem().contains("requires ZCBOT_SANDBOX_MAX_LIFETIME"));
    assertThat(
            read("ZCBOT_SANDBOX_BUSY_CPU", "0.05", "ZCBOT_SANDBOX_MAX_LIFETIME", "1d")
                .reaper()
                .busyCpu)
        .isEqualTo(0.05);
  }

  @Test
  void aWorkspaceOfLimitedSizeHasALimitOnFilesToo() throws Exception {
    assertThat(read("ZCBOT_WORKSPACE_SIZE", "1m").workspaces().limit)
        .isEqualTo(new WorkspaceLimit(1 << 20, 1000));
    assertThat(read("ZCBOT_WORKSPACE_SIZE", "2500000").workspaces().limit)
        .as("whole MiB")
        .isEqualTo(new WorkspaceLimit(2 << 20, 1000));
    assertThat(
            read("ZCBOT_WORKSPACE_SIZE", "10g", "ZCBOT_WORKSPACE_FILES", "5000000000")
                .workspaces()
                .limit)
        .isEqualTo(new WorkspaceLimit(10L << 30, 5_000_000_000L));
    assertThat(problem("ZCBOT_WORKSPACE_FILES", "500"))
        .contains("has an effect only together with ZCBOT_WORKSPACE_SIZE: set that as well");
    assertThat(problems("ZCBOT_WORKSPACE_SIZE", "1g", "ZCBOT_WORKSPACE_FILES", "99"))
        .singleElement()
        .asString()
        .contains("must be a whole number from 100");
  }

  @Test
  void someSettingsCanBeOff() throws Exception {
    assertThat(read("ZCBOT_OPS_ADDRESS", "off").ops().address).isNull();
    assertThat(read("ZCBOT_WORKSPACE_SIZE", "off").workspaces().limit).isNull();
    assertThat(read("ZCBOT_SANDBOX_MAX_LIFETIME", "OFF").reaper().maxLifetime).isNull();
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
        .hasMessageStartingWith("5 settings are invalid:\n")
        .hasMessageContainingAll(
            "\n  ZCBOT_KAFKA_ACKS=1: the Kafka property acks must be all or -1",
            "\n  ZCBOT_SANDBOX_MEMORY=lots: must be ",
            "\n  ZCBOT_SANDBOX_MAX=0: must be ",
            "\n  ZCBOT_REAPER_INTERVAL=10m: must not be longer than ZCBOT_SANDBOX_IDLE_TTL, which"
                + " is"
                + " 5m",
            "\n  ZCBOT_SANDBOX_MEMROY=…: there is no such setting; did you mean"
                + " ZCBOT_SANDBOX_MEMORY?");
  }

  /** As a composition passes on settings that nobody made. */
  @Test
  void anUnknownSettingWithoutAValueIsNotSet() throws Exception {
    assertThat(read("ZCBOT_SANDBOX_OF_A_LATER_VERSION", " ").workerId()).isNotEmpty();
    assertThat(problem("ZCBOT_SANDBOX_OF_A_LATER_VERSION", "1"))
        .contains("there is no such setting");
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
    assertThat(read("ZCBOT_SANDBOX_IDLE_TTL", "8").reaper().interval)
        .isEqualTo(Duration.ofSeconds(8));
    assertThat(read("ZCBOT_SANDBOX_IDLE_TTL", "1h").reaper().interval)
        .isEqualTo(Duration.ofSeconds(10));
    assertThat(read("ZCBOT_SANDBOX_MEMORY", "512m").spec().limits().tmpBytes())
        .isEqualTo(256L << 20);
    assertThat(read("ZCBOT_SANDBOX_MEMORY", "64m").spec().limits().tmpBytes()).isEqualTo(32L << 20);
    assertThat(read("ZCBOT_SANDBOX_MEMORY", "1g").spec().limits().tmpBytes()).isEqualTo(512L << 20);
  }
}
