/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.testkit.InFullRuns;
import io.zcbot.sandbox.worker.testkit.machine.Commands;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Maven uses no artifact whose checksum differs from the one in this repository. */
class TrustedChecksumsTest {
  private static final Path REPOSITORY = Path.of("../..").toAbsolutePath().normalize();
  private static final Path SUMMARY = Path.of(".mvn/checksums/checksums.sha256");
  private static final String SWITCH = "-Daether.artifactResolver.postProcessor.trustedChecksums=";
  private static final Duration PATIENCE = Duration.ofSeconds(300);

  /** What the parent's own build needs, so that no module has to be there. */
  private static final String PATH = "/maven-enforcer-plugin-";

  private static final String ARTIFACT = "org.apache.maven.plugins:maven-enforcer-plugin:jar:";

  @TempDir private Path copy;

  @BeforeEach
  void copyTheParent() throws IOException {
    Files.createDirectories(copy.resolve(SUMMARY).getParent());
    for (String file : List.of("pom.xml", ".mvn/jvm.config", ".mvn/maven.config")) {
      Files.copy(REPOSITORY.resolve(file), copy.resolve(file));
    }
  }

  private static List<String> trusted() throws IOException {
    return Files.readAllLines(REPOSITORY.resolve(SUMMARY));
  }

  /** Offline, so that artifacts in the local repository are compared as well. */
  private Commands.Result validate(UnaryOperator<Stream<String>> change)
      throws IOException, InterruptedException {
    Files.writeString(
        copy.resolve(SUMMARY),
        change.apply(trusted().stream()).map(line -> line + "\n").collect(joining()));
    List<String> command = new ArrayList<>(List.of("mvn", "-o", "-B", "-N", "validate"));
    String local = System.getProperty("localRepository");
    if (local != null) {
      command.add("-Dmaven.repo.local=" + local);
    }
    // Releases are built without it, see bin/release.
    command.add(SWITCH + "true");
    ProcessBuilder maven = new ProcessBuilder(command).directory(copy.toFile());
    maven.environment().put("JAVA_HOME", System.getProperty("java.home"));
    return Commands.tryRun(maven, PATIENCE);
  }

  private static boolean isTried(String line) {
    return line.contains(PATH) && line.endsWith(".jar");
  }

  @Test
  @InFullRuns("the build of this run uses it")
  void whatIsListedIsUsed() throws Exception {
    Commands.Result result = validate(lines -> lines);
    assertThat(result.output()).contains("BUILD SUCCESS");
    assertThat(result.exitCode()).isZero();
  }

  @Test
  void anArtifactWithAnotherChecksumIsRefused() throws Exception {
    Commands.Result result =
        validate(
            lines ->
                lines.map(
                    line ->
                        isTried(line)
                            ? (line.startsWith("0") ? "1" : "0") + line.substring(1)
                            : line));
    assertThat(result.output()).contains("Artifact " + ARTIFACT, "trusted checksum mismatch");
    assertThat(result.exitCode()).isNotZero();
  }

  @Test
  void anArtifactThatIsNotListedIsRefused() throws Exception {
    Commands.Result result = validate(lines -> lines.filter(line -> !isTried(line)));
    assertThat(result.output())
        .contains(
            "Missing from summaryFile trusted checksum(s) [SHA-256] for artifact " + ARTIFACT);
    assertThat(result.exitCode()).isNotZero();
  }

  @Test
  void itIsOnForEveryBuildOfWhatIsUnderDevelopment() throws Exception {
    boolean release = !Files.readString(REPOSITORY.resolve("pom.xml")).contains("-SNAPSHOT<");
    assertThat(Files.readAllLines(REPOSITORY.resolve(".mvn/maven.config")))
        .contains(
            SWITCH + !release,
            "-Daether.artifactResolver.postProcessor.trustedChecksums.failIfMissing=true");
  }

  @Test
  void theListIsSortedByPathAndHasNoArtifactOfOurOwn() throws IOException {
    List<String> paths = trusted().stream().map(line -> line.split(" {2}", 2)[1]).toList();
    assertThat(paths).isSorted().doesNotHaveDuplicates().noneMatch(path -> path.contains("zcbot"));
  }
}
