/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.zcbot.sandbox.worker.security.Row;
import io.zcbot.sandbox.worker.testkit.InFullRuns;
import io.zcbot.sandbox.worker.testkit.machine.UserModeLinux;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Limits on workspaces, on real XFS and ext4 with project quotas. This machine's kernel may not
 * support them, so a kernel that does is booted once and runs all {@link QuotaScenarios}. Each test
 * here reports the result of one of them.
 */
@Tag("user-mode-linux")
@InFullRuns("ProjectsTest and MountedSlotsTest, without a kernel that has quotas")
class WorkspaceQuotaIT {
  @TempDir private static Path directory;
  private static String console = "";

  @BeforeAll
  static void boot() throws Exception {
    UserModeLinux linux = new UserModeLinux(directory);
    List<Path> disks = new ArrayList<>();
    for (QuotaDisk disk : QuotaDisk.values()) {
      disks.add(disk.make(directory));
    }
    console =
        linux.run(
            disks,
            List.of("quota_tree", "quota_v2"),
            QuotaGuest.class.getName(),
            Duration.ofMinutes(10));
  }

  private static void assertPassed(QuotaDisk disk, String scenario) throws Exception {
    UserModeLinux.assumeThatItRuns(console);
    Path result = QuotaGuest.result(directory, disk, scenario);
    assertThat(result).as("it did not run:\n%s", console).exists();
    assertThat(Files.readString(result)).as("%s on %s", scenario, disk).isEqualTo("passed");
  }

  @ParameterizedTest
  @EnumSource
  @Row(35)
  void aFullWorkspaceIsFullForItsUserOnly(QuotaDisk disk) throws Exception {
    assertPassed(disk, "aFullWorkspaceIsFullForItsUserOnly");
  }

  @ParameterizedTest
  @EnumSource
  @Row(35)
  void directoriesAndLinksCountAsFilesDo(QuotaDisk disk) throws Exception {
    assertPassed(disk, "directoriesAndLinksCountAsFilesDo");
  }

  @ParameterizedTest
  @EnumSource
  @Row(35)
  void withoutTheMountOptionItIsRefused(QuotaDisk disk) throws Exception {
    assertPassed(disk, "withoutTheMountOptionItIsRefused");
  }

  @ParameterizedTest
  @EnumSource
  @Row(35)
  void whatCanNotBeLimitedAnyMoreIsRefused(QuotaDisk disk) throws Exception {
    assertPassed(disk, "whatCanNotBeLimitedAnyMoreIsRefused");
  }

  @ParameterizedTest
  @EnumSource
  @Row(35)
  void aLinkIsRefusedAndNotFollowed(QuotaDisk disk) throws Exception {
    assertPassed(disk, "aLinkIsRefusedAndNotFollowed");
  }

  @ParameterizedTest
  @EnumSource
  @Row(35)
  void anOwnerStepsOutUnlessInAUserNamespace(QuotaDisk disk) throws Exception {
    assertPassed(disk, "anOwnerStepsOutUnlessInAUserNamespace");
  }

  /** The scenarios that are in no row of the checklist. */
  static Stream<Arguments> others() {
    Set<String> ofRows =
        Arrays.stream(WorkspaceQuotaIT.class.getDeclaredMethods())
            .map(Method::getName)
            .collect(Collectors.toSet());
    return Arrays.stream(QuotaScenarios.class.getDeclaredMethods())
        .filter(QuotaGuest::isScenario)
        .map(Method::getName)
        .filter(name -> !ofRows.contains(name))
        .flatMap(name -> Arrays.stream(QuotaDisk.values()).map(disk -> arguments(disk, name)));
  }

  @ParameterizedTest
  @MethodSource("others")
  void other(QuotaDisk disk, String scenario) throws Exception {
    assertPassed(disk, scenario);
  }
}
