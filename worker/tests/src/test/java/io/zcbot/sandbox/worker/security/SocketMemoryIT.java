/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.testkit.machine.UserModeLinux;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Memory of sockets counts as memory of the control group with version 2 only, which this machine
 * may not have. And what the kernel starts at crashes is a setting of the whole machine. So a
 * kernel is booted that has the one and where the other can be set.
 */
@Tag("user-mode-linux")
class SocketMemoryIT {
  @TempDir private static Path directory;

  private static String console = "";

  @BeforeAll
  static void boot() throws Exception {
    console =
        new UserModeLinux(directory)
            .run(List.of(), List.of(), SocketMemoryGuest.class.getName(), Duration.ofMinutes(3));
  }

  /** With a limit of 0, which stops files only, the program of the host is started. */
  @Row(66)
  @Test
  void aCrashStartsNoProgramOfTheHostWithALimitOfOne() {
    UserModeLinux.assumeThatItRuns(console);
    Path results = directory.resolve(UserModeLinux.OUT);

    assertThat(results.resolve(SocketMemoryGuest.CRASHED + "0")).as(console).exists();
    assertThat(results.resolve(SocketMemoryGuest.CRASHED + "1")).doesNotExist();
  }

  @Row(53)
  @Test
  void whoHoldsMoreInSocketsThanItsGroupMayHaveIsKilled() throws Exception {
    UserModeLinux.assumeThatItRuns(console);

    assertThat(outcome(SocketMemoryGuest.UNLIMITED, console))
        .as("without a limit")
        .containsOnlyDigits()
        .satisfies(held -> assertThat(Long.parseLong(held)).isGreaterThan(SocketMemoryGuest.LIMIT));
    assertThat(outcome(SocketMemoryGuest.LIMITED, console)).isEqualTo("exit code 137");
    assertThat(outcome(SocketMemoryGuest.FEW_SOCKETS, console))
        .as("within the limit")
        .containsOnlyDigits();
  }

  private static String outcome(String group, String console) throws Exception {
    Path result = directory.resolve(UserModeLinux.OUT).resolve(group);
    assertThat(result).as("it did not run:\n%s", console).exists();
    return Files.readString(result);
  }
}
