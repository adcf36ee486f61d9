/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The scripts in bin/, with stand-ins for the programs that they start. */
class ScriptsTest {
  private static final Path REPOSITORY = Path.of("../..").toAbsolutePath().normalize();

  @TempDir(factory = ProgramDirectory.class)
  private Path directory;

  @AfterEach
  void letEverythingBeRemoved() throws IOException {
    try (Stream<Path> all = Files.walk(directory)) {
      for (Path path : all.filter(Files::isDirectory).toList()) {
        Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwxr-xr-x"));
      }
    }
  }

  /** As after 'sudo bin/run': all that was built is root's. */
  @ParameterizedTest
  @ValueSource(strings = {"r-xr-xr-x", "rwxrwxrwx"})
  void theCommandLineRunsForUsersWhoMayNotWriteToTheBuild(String setup) throws Exception {
    copy("bin/sandbox", "bin/lib/setup.sh", "pom.xml", "worker/commands.options");
    for (String jdk : List.of("jdk", "another-jdk")) {
      script(
          jdk + "/bin/java",
          "[[ $1 == -version ]] && echo 'version \"25\"' || printf '%s\\n' \"$@\"");
      script(jdk + "/bin/javac", "exit 1");
    }
    write("target/setup/jdk", directory.resolve("jdk").toString());
    write("target/setup/lock", "");
    write("standalone/target/standalone-1.jar", "");
    write("standalone/target/lib/picocli-1.jar", "");
    for (String kept : List.of("target/setup/jdk", "target/setup/lock")) {
      permit(kept, "r--r--r--");
    }
    permit("target/setup", setup);
    permit("standalone/target", "r-xr-xr-x");
    for (String jdk : List.of("jdk", "another-jdk")) {
      List<String> command = new ArrayList<>(asUser());
      command.addAll(List.of("env", "JAVA_HOME=" + directory.resolve(jdk), "bash"));
      command.addAll(List.of(directory.resolve("bin/sandbox").toString(), "--version"));
      assertThat(run(command))
          .as("what java is started with, with %s", jdk)
          .endsWith("io.zcbot.sandbox.standalone.Main\n--version\n")
          .doesNotContain("ermission", "AOTCache");
    }
  }

  /** Of each jar on the class path the JVM keeps the list of files in memory. */
  @ParameterizedTest
  @ValueSource(strings = {"packaging/sandbox", "bin/sandbox", "worker/start.sh"})
  void theConsoleRunsWithoutTheJarsOfTheEnginesClient(String launcher) throws Exception {
    script(
        "jdk/bin/java", "[[ $1 == -version ]] && echo 'version \"25\"' || printf '%s\\n' \"$@\"");
    script("jdk/bin/javac", "exit 1");
    write("jdk/release", "JAVA_VERSION=\"25\"");
    write("pom.xml", Files.readString(REPOSITORY.resolve("pom.xml")));
    copy("bin/lib/setup.sh");
    String text = Files.readString(REPOSITORY.resolve(launcher));
    write("bin/sandbox", text.replace("/opt/zcbot/", directory + "/"));
    for (String jars : List.of("", "worker/cli/target/")) {
      for (String jar : List.of("bcprov-1", "docker-java-api-1", "guava-1", "kafka-clients-1")) {
        write(jars + "lib/" + jar + ".jar", "");
      }
    }
    write("worker.jar", "");
    write("worker/cli/target/worker-cli-1.jar", "");
    write("standalone/target/lib/worker-cli-1.jar", "");
    write("standalone/target/lib/worker-base-1.jar", "");
    write("standalone/target/standalone-1.jar", "");
    write("standalone/target/lib/picocli-1.jar", "");

    List<String> command = new ArrayList<>(List.of("env", "JAVA_HOME=" + directory.resolve("jdk")));
    command.add("PATH=" + directory.resolve("jdk/bin") + ":" + System.getenv("PATH"));
    command.addAll(List.of("bash", directory.resolve("bin/sandbox").toString(), "console"));
    List<String> started = run(command).lines().toList();
    assertThat(started).contains("io.zcbot.sandbox.worker.cli.Main");
    String classPath = started.get(started.indexOf("-cp") + 1);
    assertThat(classPath)
        .contains("lib/kafka-clients-1.jar")
        .doesNotContain("bcprov", "docker-java", "guava", "*", "::", " ");
  }

  @Test
  void anImageIsBuiltAnewOnlyIfItsFilesChangedOrItIsToBeFresh() throws Exception {
    assertThat(builds("fresh=")).isEmpty();
    assertThat(builds("fresh=yes"))
        .singleElement()
        .asString()
        .contains("--no-cache", "-t zcbot-test:latest");
  }

  @Test
  void aFreshImageStandsOnTheBaseOfToday() throws Exception {
    assertThat(pulls("fresh=")).isEmpty();
    assertThat(pulls("fresh=yes"))
        .as("once in a run")
        .containsExactly("pull -q debian:trixie-slim");
  }

  @Test
  void theSummaryOfARunTellsWhyMavenFailed() throws Exception {
    copy("bin/test", "bin/lib/setup.sh", "bin/lib/ports.sh", "bin/lib/asyncapi.sh", "pom.xml");
    copy("bin/lib/security-table.sh", "bin/lib/failed-tests.awk", "bin/lib/failed-goals.awk");
    script("jdk/bin/java", "echo 'version \"25\"'");
    script("jdk/bin/javac", "exit 1");
    write(
        "report.xml",
        """
        <testsuite name="a.SomeTest" tests="2" failures="1" errors="0" skipped="0">
        <testcase name="fails" classname="a.SomeTest"><failure message="not so"/></testcase>
        </testsuite>
        """);
    script(
        "programs/mvn",
        """
        case $* in *--version*) echo 3.9.9 && exit ;; esac
        mkdir -p worker/tests/target/surefire-reports
        cp report.xml worker/tests/target/surefire-reports/TEST-a.SomeTest.xml
        echo '[INFO] Reactor Summary'
        echo '[ERROR] Failed to execute goal a:spotless:check (x) on project worker: Not formatted: -> [Help 1]'
        echo '[ERROR]     src/Some.java'
        echo '[ERROR]         @@ -1 +1 @@'
        exit 3
        """);
    String output =
        run(
            3,
            "env",
            "JAVA_HOME=" + directory.resolve("jdk"),
            pathWithPrograms(),
            "bash",
            directory.resolve("bin/test").toString(),
            "--unit");
    String summary =
        """
        failed tests:
          SomeTest#fails: not so
        the run failed:
          mvn package: exit code 3
            Failed to execute goal a:spotless:check (x) on project worker: Not formatted: src/Some.java
        tests: 1 passed, 1 failed, 0 skipped
        """;
    assertThat(output).contains("[INFO] Reactor Summary\n").endsWith(summary);
    assertThat(directory.resolve("target/setup/test-summary")).hasContent(summary);
  }

  /** Of Testcontainers' Kafka, of Docker Compose, and those with a worker's label. */
  @Test
  void onlyOldContainersOfTestsCountAsAbandoned() throws Exception {
    script(
        "programs/docker",
        """
        old='2026-01-01 00:00:00 +0000 UTC'
        list() { for each; do printf '%s|%s\\n' "${each%%|*}|${at-$old}" "${each#*|}"; done; }
        case $* in
          *' rm '*) printf '%s\\n' "$*" >&2 ;;
          *zcbot.worker*) list 'a|it-01234567' 'b|production' 'c|' ;;
          *compose.project*) list 'd|zcbot-it-01234567' 'e|zcbot' 'f|zcbot-it-mine' 'c|' ;;
          *test.run*) list 'g|host-1-2' 'c|' && at=$(date '+%F %T %z %Z') list 'h|host-1-2' ;;
          *network*) list 'i|zcbot-it-01234567_kafka' 'j|zcbot_kafka' ;;
        esac
        """);
    String functions =
        "source <(sed -n '/^remove_abandoned()/,/^}/p; /^abandoned()/,/^}/p' bin/test)";
    assertThat(run(0, "env", pathWithPrograms(), "bash", "-euc", functions + "; remove_abandoned"))
        .contains("container rm -fv a d g\n", "network rm i\n");
  }

  /** In a replacement of bash, an ampersand means what was matched. */
  @Test
  void theLibrariesOfACheckoutAreRemovedThereAlone() throws Exception {
    String setup = Files.readString(REPOSITORY.resolve("bin/lib/setup.sh"));
    write("a&b/bin/lib/setup.sh", setup);
    write("a&b/pom.xml", Files.readString(REPOSITORY.resolve("pom.xml")));
    Files.createDirectories(directory.resolve("a&b/target/setup"));
    Path own = write("a&b/lib/x.jar", "");
    Path other = write("ab/lib/x.jar", "");
    bash(
        0,
        ". '%s/a&b/bin/lib/setup.sh'; JAVA_HOME=jdk maven_found=yes; maven() { :; }"
                .formatted(directory)
            + "; setup_jars bench lib pom.xml");
    assertThat(own).doesNotExist();
    assertThat(other).exists();
  }

  @Test
  void aSetupDoesNotWaitForeverForAnother() throws Exception {
    write("lock", "12 (run)");
    assertThat(bash(75, setup("flock() { [[ $* != *-[nw]* ]]; }; setup_lock")))
        .contains("Waiting for another setup in this checkout, of process 12 (run)\n");
    bash(0, setup("setup_lock; [[ $(<\"$setup_dir/lock\") == \"$$ \"* ]]"));
  }

  /** As after 'sudo bin/demo'. */
  @Test
  void aSetupInABuildOfRootTellsHowToGetItBack() throws Exception {
    write("lock", "");
    permit("lock", "r--r--r--");
    List<String> command = new ArrayList<>(asUser());
    command.addAll(List.of("bash", "-euc", setup("setup_lock")));
    assertThat(run(69, command.toArray(String[]::new))).contains("sudo chown -R ");
  }

  @Test
  void anOldMavenIsReplacedByTheWrapper() throws Exception {
    copy("bin/lib/setup.sh", "pom.xml");
    script("programs/mvn", "echo 3.8.7");
    script("programs/unzip", "");
    script("mvnw", "echo 3.9.16");
    Files.createDirectories(directory.resolve("target/setup"));
    String script = ". '%s/bin/lib/setup.sh'; setup_maven; mvn --version".formatted(directory);
    assertThat(run(0, "env", pathWithPrograms(), "bash", "-euc", script)).endsWith("\n3.9.16\n");

    script("mvnw", "echo 'no connection' && exit 1");
    assertThat(run(69, "env", pathWithPrograms(), "bash", "-euc", script))
        .contains("| no connection\n");
  }

  @Test
  void whyTheBaseImageIsNotPulledIsSaid() throws Exception {
    script("programs/docker", "[[ $1 != pull ]] || echo 'no such host'; exit 1");
    script("programs/mmdebstrap", "exit 1");
    String script = setup("can_be_root() { false; }; setup_base_image");
    assertThat(run(69, "env", pathWithPrograms(), "bash", "-euc", script))
        .contains("can't be pulled (no such host)");
  }

  /** Without a shell that splits words: zsh does not. */
  @Test
  void composeStartsWithTheImagesThatWereBuilt() throws Exception {
    copy("bin/compose-images");
    write(
        "bin/lib/setup.sh",
        """
        for step in lock jdk engine sandbox_image worker_image unlock; do eval "setup_$step() { :; }"; done
        setup_kafka_image() { ZCBOT_TEST_KAFKA_IMAGE=kafka:of-tests; }
        say() { :; }
        die() { echo "$2" && exit "$1"; }
        """);
    String script = directory.resolve("bin/compose-images").toString();
    String settings = "KAFKA_IMAGE=kafka:of-tests\nWORKER_JARS=local\n";
    assertThat(run(0, "bash", script)).isEqualTo(settings);
    String command = "printenv KAFKA_IMAGE WORKER_JARS; echo \"$1\"";
    for (String option : List.of("", "--fresh")) {
      List<String> all = new ArrayList<>(List.of("bash", script));
      all.addAll(option.isEmpty() ? List.of() : List.of(option));
      all.addAll(List.of("sh", "-c", command, "sh", "two words"));
      assertThat(run(0, all.toArray(String[]::new)))
          .isEqualTo("kafka:of-tests\nlocal\ntwo words\n");
    }
    assertThat(run(64, "bash", script, "--frsh", "sh")).contains("Unknown argument: --frsh");
  }

  @Test
  void aVersionUnderDevelopmentIsNotReleased() throws Exception {
    copy("bin/release", "bin/lib/setup.sh", "bin/lib/release.sh", "pom.xml");
    String script = directory.resolve("bin/release").toString();
    assertThat(run(64, "env", "GIT_DIR=/none", "bash", script, "0.1.0-SNAPSHOT"))
        .contains("release 0.1.0, or");
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "3001", "99999999999999999999"})
  void aSoakThatCannotEndInTimeIsRefused(String claims) throws Exception {
    copy("bin/soak", "bin/lib/setup.sh", "pom.xml");
    String script = directory.resolve("bin/soak").toString();
    assertThat(run(64, "bash", script, "--scenario", "leaks", "--claims", claims))
        .contains("from 1 to 3000");
  }

  private List<String> builds(String settings) throws Exception {
    return engineCalls(
            settings
                + "; export LABEL=base-$(hash_of bin/lib/ports.sh)"
                + "; build_image zcbot-test:latest bin bin/lib/ports.sh")
        .filter(call -> call.startsWith("buildx build"))
        .toList();
  }

  private List<String> pulls(String settings) throws Exception {
    return engineCalls(settings + "; setup_base_image; setup_base_image")
        .filter(call -> call.startsWith("pull"))
        .toList();
  }

  /** A script's calls of an engine that has all images, with the label LABEL. */
  private Stream<String> engineCalls(String script) throws Exception {
    Path calls = directory.resolve("calls");
    Files.writeString(calls, "");
    script(
        "programs/docker",
        """
        printf '%s\\n' "$*" >>"$CALLS"
        case $* in
          *zcbot.inputs*inspect* | *inspect*zcbot.inputs*) printf '%s\\n' "$LABEL" ;;
          *inspect*Id*) echo base ;;
        esac
        """);
    run(List.of("env", "CALLS=" + calls, pathWithPrograms(), "bash", "-euc", setup(script)));
    return Files.readAllLines(calls).stream();
  }

  /**
   * Root may write everywhere by its capabilities. Without them it owns the files, as another user
   * would not, but every directory above them is open to it.
   */
  private static List<String> asUser() {
    return System.getProperty("user.name").equals("root")
        ? List.of("setpriv", "--bounding-set=-all", "--inh-caps=-all")
        : List.of();
  }

  private String pathWithPrograms() {
    return "PATH=" + directory.resolve("programs") + ":" + System.getenv("PATH");
  }

  /** Commands with the functions of setup.sh. */
  private String setup(String commands) {
    return ". bin/lib/setup.sh; setup_dir=" + directory + "; " + commands;
  }

  private String bash(int exitCode, String commands) throws Exception {
    return run(exitCode, "bash", "-euc", commands);
  }

  private void permit(String file, String permissions) throws IOException {
    Files.setPosixFilePermissions(
        directory.resolve(file), PosixFilePermissions.fromString(permissions));
  }

  private void copy(String... files) throws IOException {
    for (String file : files) {
      write(file, Files.readString(REPOSITORY.resolve(file)));
    }
  }

  private Path script(String file, String commands) throws IOException {
    Path path = write(file, "#!/bin/bash\n" + commands);
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwxr-xr-x"));
    return path;
  }

  private Path write(String file, String content) throws IOException {
    Path path = directory.resolve(file);
    Files.createDirectories(path.getParent());
    return Files.writeString(path, content);
  }

  /** Runs a command that must succeed, and returns its output. */
  private String run(List<String> command) throws Exception {
    return run(0, command.toArray(String[]::new));
  }

  private String run(int exitCode, String... command) throws Exception {
    Path said = directory.resolve("said");
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(REPOSITORY.toFile())
            .redirectErrorStream(true)
            .redirectOutput(said.toFile());
    builder.environment().keySet().remove("ZCBOT_TEST_RUN");
    // Who runs the tests may have chosen an engine, for which the scripts would ask Docker's CLI.
    builder.environment().keySet().removeIf(key -> key.startsWith("DOCKER_"));
    builder.environment().put("HOME", directory.toString());
    Process process = builder.start();
    try {
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).as("it ends").isTrue();
    } finally {
      process.destroyForcibly();
    }
    String output = Files.readString(said, StandardCharsets.UTF_8);
    assertThat(process.exitValue()).as(output).isEqualTo(exitCode);
    return output;
  }
}
