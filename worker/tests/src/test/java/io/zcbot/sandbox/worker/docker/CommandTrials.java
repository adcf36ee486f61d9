/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.worker.docker.EngineFixture.Started;
import io.zcbot.sandbox.worker.docker.command.Trial;
import io.zcbot.sandbox.worker.engine.CommandChannel;
import io.zcbot.sandbox.worker.engine.CommandEnd;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/**
 * What commands can do, in a sandbox of any engine.
 *
 * @param user as whom they run, with the group
 */
record CommandTrials(CommandChannel channel, String user) {
  private static final String DAEMONS =
      "(setsid bash -c 'trap \"\" TERM HUP; (sleep 4242 &); sleep 4242' &); echo on; sleep 4242";

  /** Runs all trials. */
  void run(Started sandbox, Workspaces.Owner owner) throws Exception {
    filesAreTheSandboxUsers(sandbox.workspace(), owner);
    theProcessIdIsTheProgramsOwn();
    streamsAreComplete();
    signalsArrive();
    aTerminalIsATerminal();
    aTimeOutTakesAll();
  }

  private void filesAreTheSandboxUsers(Path workspace, Workspaces.Owner owner) throws Exception {
    String name = "of-a-command-" + System.nanoTime();
    assertThat(
            Trial.bash(channel, "id -u; id -g; pwd; echo it >" + name + "; stat -c %u:%g *").said())
        .startsWith(user.replace(':', '\n') + "\n/workspace\n")
        .endsWith(user)
        .doesNotContain("65534");
    Path file = workspace.resolve(name);
    assertThat(file).hasContent("it");
    assertThat(Files.getAttribute(file, "unix:uid")).isEqualTo(owner.uid());
    assertThat(Files.getAttribute(file, "unix:gid")).isEqualTo(owner.gid());
    assertThat(Trial.bash(channel, "grep -E '^(Cap(Eff|Bnd)|NoNewPrivs)' /proc/self/status").said())
        .contains("CapEff:\t0000000000000000", "NoNewPrivs:\t1");
  }

  private void theProcessIdIsTheProgramsOwn() throws Exception {
    Trial trial = Trial.start(channel, Trial.withPid("bash", "-c", "echo $$; read x"));
    int pid = trial.witness().awaitStart();
    trial.awaitOutput(pid + "\n");
    assertThat(Trial.bash(channel, "kill -0 " + pid + " && echo there").said()).isEqualTo("there");
    trial.command().kill();
    trial.end();
    assertThat(Trial.bash(channel, "kill -0 " + pid + " 2>&1 || echo gone").said())
        .endsWith("gone");
  }

  private void streamsAreComplete() throws Exception {
    Trial counting = Trial.start(channel, Trial.request("wc", "-c"));
    counting.feed(3 << 20);
    assertThat(counting.said()).isEqualTo(String.valueOf(3 << 20));
    Trial failing = Trial.bash(channel, "head -c 500000 /dev/zero; echo err >&2; exit 3");
    assertThat(failing.end())
        .isInstanceOfSatisfying(
            CommandEnd.Exited.class, end -> assertThat(end.code()).isEqualTo(3));
    assertThat(failing.witness().written()).isEqualTo(500_004);
    assertThat(failing.witness().stderr()).isEqualTo("err\n");
  }

  private void signalsArrive() throws Exception {
    Trial polite =
        Trial.bash(channel, "trap 'echo got it; exit 5' INT; echo on; while :; do sleep 0.1; done");
    polite.awaitOutput("on");
    polite.command().signal(CommandSignal.INT);
    assertThat(polite.end())
        .isInstanceOfSatisfying(
            CommandEnd.Exited.class, end -> assertThat(end.code()).isEqualTo(5));
    Trial killed = Trial.bash(channel, "echo on; exec sleep 100");
    killed.awaitOutput("on");
    killed.command().signal(CommandSignal.KILL);
    assertThat(killed.end())
        .isInstanceOfSatisfying(
            CommandEnd.Signalled.class, end -> assertThat(end.number()).isEqualTo(9));
  }

  private void aTerminalIsATerminal() throws Exception {
    Trial trial =
        Trial.start(
            channel,
            Trial.request(
                Duration.ofMinutes(1),
                1 << 20,
                new TerminalSize(91, 17),
                "bash",
                "-c",
                "stat -c %u $(tty); stty size; read x; stty size; echo got $x >$(tty); cat"));
    trial.awaitOutput("17 91");
    trial.command().resize(new TerminalSize(120, 50));
    trial.type("typed\n");
    trial.awaitOutput("got typed");
    assertThat(trial.witness().stdout()).startsWith(user.split(":", 2)[0]).contains("50 120");
    trial.type("\u0003");
    assertThat(trial.witness().awaitEnd())
        .isInstanceOfAny(CommandEnd.Signalled.class, CommandEnd.Exited.class);
  }

  private void aTimeOutTakesAll() throws Exception {
    Trial trial =
        Trial.start(
            channel, Trial.request(Duration.ofSeconds(10), 1 << 20, null, "bash", "-c", DAEMONS));
    trial.awaitOutput("on");
    assertThat(trial.end())
        .isInstanceOfSatisfying(
            CommandEnd.Killed.class,
            end -> {
              assertThat(end.timedOut()).isTrue();
              assertThat(end.survivors()).isZero();
            });
    assertThat(
            Trial.bash(channel, "grep -lz '424[2]' /proc/[0-9]*/cmdline 2>/dev/null | wc -l")
                .said())
        .isEqualTo("0");
  }
}
