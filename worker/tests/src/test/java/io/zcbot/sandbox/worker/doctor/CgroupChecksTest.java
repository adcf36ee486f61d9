/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.docker.host.EngineFacts;
import io.zcbot.sandbox.worker.doctor.Finding.Level;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CgroupChecksTest {
  private static EngineFacts facts(int version, String driver) {
    return facts(version, driver, "6.12.0");
  }

  private static EngineFacts facts(int version, String driver, String kernel) {
    return new EngineFacts(
        new EngineFacts.Versions("29.5.1", "1.47", kernel, "1.3.6"),
        new EngineFacts.Cgroups(version, driver, List.of(), version == 2),
        List.of(),
        new EngineFacts.Runtimes(Map.of("runc", "{}"), "runc"),
        new EngineFacts.Storage("overlay2", "xfs", "/var/lib/docker"),
        8L << 30,
        4,
        true,
        Instant.EPOCH);
  }

  @ParameterizedTest
  @CsvSource({
    ", systemd, OK",
    "sandboxes.slice, systemd, OK",
    "/sandboxes, cgroupfs, OK",
    "/sandboxes, '', OK",
    "/sandboxes, systemd, FAIL",
    "sandboxes.slice, cgroupfs, FAIL",
    "/sandboxes, none, FAIL"
  })
  void theEngineMustBeAbleToCreateContainersThere(String parent, String driver, Level expected) {
    Finding finding = CgroupChecks.parent(facts(2, driver), parent);

    assertThat(finding.level()).isEqualTo(expected);
    assertThat(finding.fix()).contains(expected == Level.FAIL ? "ZCBOT_SANDBOX_CGROUP_PARENT" : "");
  }

  @ParameterizedTest
  @CsvSource({
    "1, /sandboxes, cpu/sandboxes",
    "2, /sandboxes, sandboxes",
    "2, /top/below, top",
    "2, sandboxes.slice, sandboxes.slice",
    "2, top-below.slice, top.slice"
  })
  void whatCountsIsTheGroupBelowTheRoot(
      int version, String parent, String group, @TempDir Path mounted) throws IOException {
    Path file = Files.createDirectories(mounted.resolve(group)).resolve("cpu.idle");
    EngineFacts facts = facts(version, "");

    Files.writeString(file, "1\n");
    assertThat(CgroupChecks.idle(facts, parent, mounted).level()).isEqualTo(Level.OK);
    Files.writeString(file, "0\n");
    assertThat(CgroupChecks.idle(facts, parent, mounted).level()).isEqualTo(Level.WARN);
    Files.delete(file);
    assertThat(CgroupChecks.idle(facts, parent, mounted).detail()).contains(file.toString());
  }

  @Test
  void theFixIsACommandOrALineOfTheUnit(@TempDir Path mounted) {
    assertThat(CgroupChecks.idle(facts(1, ""), "/a/b", mounted).fix())
        .isEqualTo("mkdir -p %1$s/cpu/a && echo 1 > %1$s/cpu/a/cpu.idle".formatted(mounted));
    assertThat(CgroupChecks.idle(facts(2, ""), "/a/b", mounted).fix())
        .isEqualTo(
            "echo +cpu > %1$s/cgroup.subtree_control && mkdir -p %1$s/a && echo 1 > %1$s/a/cpu.idle"
                .formatted(mounted));
    assertThat(CgroupChecks.idle(facts(2, ""), "a-b.slice", mounted).fix())
        .contains("CPUWeight=idle", "a.slice", "systemd 252");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "5.14.21-150-default | run Linux 5.15 or later; before, no group can be idle",
        "4.18.0-553.el8_10.x86_64 | run Linux 5.15 or later; before, no group can be idle",
        "5.15.0-1 | echo +cpu",
        "unknown | echo +cpu"
      })
  void aKernelWithoutIdleGroupsIsTheReasonThatNoneIs(
      String kernel, String fix, @TempDir Path mounted) throws IOException {
    EngineFacts facts = facts(2, "", kernel);
    Finding finding = CgroupChecks.idle(facts, "/a", mounted);
    assertThat(finding.level()).isEqualTo(Level.WARN);
    assertThat(finding.fix()).startsWith(fix);

    // A distribution may have it from a later kernel.
    Path group = Files.createDirectories(mounted.resolve("a"));
    Files.writeString(group.resolve("cpu.idle"), "1\n");
    assertThat(CgroupChecks.idle(facts, "/a", mounted).level()).isEqualTo(Level.OK);
  }
}
