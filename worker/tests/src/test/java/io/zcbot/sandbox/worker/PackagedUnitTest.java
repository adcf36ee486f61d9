/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The systemd unit allows the system calls that the packaged worker makes itself. */
class PackagedUnitTest {
  private static final Path REPOSITORY = Path.of("../..").toAbsolutePath().normalize();
  private static final Path MOUNTS =
      Path.of("../docker/src/main/java/io/zcbot/sandbox/worker/mounts").toAbsolutePath();
  private static final Pattern CALL =
      Pattern.compile("private static final long ([A-Z][A-Z0-9_]+) = 4[2-9][0-9];");
  private static final Pattern FILTER = Pattern.compile("(?m)^SystemCallFilter=(.+)$");
  private static final Pattern SUID_OPTION = Pattern.compile("(?m)^RestrictSUIDSGID=(.+)$");

  /** The groups of {@code systemd-analyze syscall-filter}, with the calls that the worker makes. */
  private static final Map<String, Set<String>> GROUPS =
      Map.of(
          "@system-service", Set.of("openat2"),
          "@mount", Set.of("open_tree", "move_mount", "mount_setattr"));

  @Test
  void theFilterOfWarmSlotsAndLimitsHasAllSystemCallsThatTheyMake() throws IOException {
    Set<String> allowed = new HashSet<>();
    found(FILTER)
        .flatMap(filter -> Stream.of(filter.group(1).split(" ")))
        .forEach(name -> allowed.addAll(GROUPS.getOrDefault(name, Set.of(name))));
    Set<String> made = made();
    assertThat(made).hasSize(5).contains("open_tree", "quotactl_fd");
    assertThat(allowed).containsAll(made);
  }

  /** Whatever the filter allows, that option has systemd answer openat2 with ENOSYS. */
  @Test
  void noOtherOptionForbidsACallThatWarmSlotsAndLimitsMake() throws IOException {
    assertThat(made()).contains("openat2");
    assertThat(found(SUID_OPTION).map(option -> option.group(1)).reduce("no", (_, last) -> last))
        .isEqualTo("no");
  }

  /** The matches in the unit, followed by those in the drop-in for warm slots and limits. */
  private static Stream<MatchResult> found(Pattern option) throws IOException {
    Path systemd = REPOSITORY.resolve("packaging/systemd");
    String merged =
        Files.readString(systemd.resolve("zcbot-worker.service"))
            + Files.readString(systemd.resolve("warm.conf"));
    return option.matcher(merged).results();
  }

  private static Set<String> made() throws IOException {
    Set<String> made = new HashSet<>();
    try (Stream<Path> sources = Files.list(MOUNTS)) {
      for (Path source : sources.toList()) {
        CALL.matcher(Files.readString(source))
            .results()
            .forEach(call -> made.add(call.group(1).toLowerCase(Locale.ROOT)));
      }
    }
    return made;
  }
}
