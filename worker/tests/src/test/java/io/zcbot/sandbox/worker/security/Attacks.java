/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.zcbot.sandbox.worker.docker.EngineFixture.Started;
import io.zcbot.sandbox.worker.docker.command.Trial;
import io.zcbot.sandbox.worker.engine.CommandChannel;
import io.zcbot.sandbox.worker.testkit.machine.Commands;
import io.zcbot.sandbox.worker.testkit.machine.Execs.Outcome;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ArgumentsSource;

/**
 * Attacks on a sandbox of each profile of the run. Each attack is also made on a container without
 * the protection, where it must succeed: otherwise it would prove nothing.
 */
@ParameterizedClass(name = "{0}")
@ArgumentsSource(ProfilesOfTheRun.class)
@ExtendWith({GvisorEngine.OfTheRun.class, ProfilesOfTheRun.class})
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class Attacks {
  @Parameter Profile profile;
  Path directory;
  Lab lab;

  @BeforeParameterizedClassInvocation
  void open(Profile profile) throws Exception {
    // On a disk: /tmp may be a tmpfs that is mounted nosuid and nodev.
    directory = Files.createTempDirectory(Path.of("/var/tmp"), "zcbot-attacks-");
    lab = new Lab(profile, directory);
  }

  @AfterParameterizedClassInvocation
  void close() throws Exception {
    if (lab != null) {
      lab.close();
      lab = null; // one object for all profiles
    }
    Commands.run("rm", "-rf", "--one-file-system", directory.toString());
  }

  /** Continues only where the checklist says that the row can be attacked. */
  void applies(int row) {
    Checklist.Apart apart = Checklist.of(row).apart().get(profile);
    assumeTrue(apart == null || apart.holds(), apart == null ? "" : apart.words());
  }

  /** The output of a script, run as an agent's command; it must succeed. */
  String said(String container, String script) throws InterruptedException {
    Outcome outcome = lab.fixture.bash(container, script);
    assertThat(outcome.exitCode()).as(script + ": " + outcome.output()).isZero();
    return outcome.output();
  }

  /** As {@link #said}, of a command that the sandbox's runner runs. */
  String ran(Started sandbox, String script) throws Exception {
    try (CommandChannel channel = lab.fixture.engine.commands(lab.spec, false).open(sandbox.id())) {
      return Trial.bash(channel, script).said();
    }
  }

  /** The same of a Python script. */
  String python(String container, String script) throws InterruptedException {
    Outcome outcome = lab.fixture.python(container, script);
    assertThat(outcome.exitCode()).as(outcome.output()).isZero();
    return outcome.output();
  }

  /**
   * Checks that an agent's command fails with one of these words, and is not merely left
   * unanswered.
   */
  void refused(String container, String script, String words) throws InterruptedException {
    refused(container, lab.fixture.agent(container), script, words);
  }

  void refused(String container, String user, String script, String words)
      throws InterruptedException {
    Outcome outcome = lab.fixture.run(container, user, "bash", "-c", script);
    assertThat(outcome.exitCode()).as(script + ": " + outcome.output()).isNotIn(0L, 124L);
    assertThat(outcome.output()).as(script).containsPattern("(?i)" + words);
  }

  /** Checks that an agent's command succeeds without the protection. */
  void succeeds(String control, String script) throws InterruptedException {
    succeeds(control, lab.fixture.agent(control), script);
  }

  /** The same without the protection. */
  void succeeds(String control, String user, String script) throws InterruptedException {
    Outcome outcome = lab.fixture.run(control, user, "bash", "-c", script);
    assertThat(outcome.exitCode())
        .as("without the protection, " + script + ": " + outcome.output())
        .isZero();
  }
}
