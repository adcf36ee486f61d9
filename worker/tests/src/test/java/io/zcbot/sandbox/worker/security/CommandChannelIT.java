/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.worker.docker.EngineFixture.Started;
import io.zcbot.sandbox.worker.docker.command.Trial;
import io.zcbot.sandbox.worker.engine.CommandChannel;
import io.zcbot.sandbox.worker.engine.CommandEnd;
import io.zcbot.sandbox.worker.engine.CommandEngine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Commands through the runner, in sandboxes of each kind. */
@Tag("engine")
@Tag("network-namespaces")
@Tag("gvisor")
@Order(10)
@AlsoOn(Profile.RUNC_CONTAINER) // where the engine starts the runner
class CommandChannelIT extends Attacks {
  private CommandChannel open(Started sandbox) throws EngineException {
    return lab.fixture.engine.commands(lab.spec, false).open(sandbox.id());
  }

  @Test
  @AlsoOn({Profile.RUNC_CONTAINER, Profile.RUNC_CLAIMED})
  void aCommandRunsAsTheSandboxsUserInItsWorkspace() throws Exception {
    try (CommandChannel channel = open(lab.sandbox)) {
      assertThat(Trial.bash(channel, "id -u; pwd; echo $HOME; echo ${!ZCBOT*}; echo no >&2").said())
          .isEqualTo(lab.uid(lab.sandbox.id()) + "\n/workspace\n/workspace");
      // gVisor counts processor time in steps of 10 ms.
      String busy = "for ((i = 0; i < 30000; i++)); do :; done; ";
      Trial failing = Trial.bash(channel, busy + "echo out; echo err >&2; exit 3");
      assertThat(failing.end())
          .isInstanceOfSatisfying(
              CommandEnd.Exited.class,
              end -> {
                assertThat(end.code()).isEqualTo(3);
                assertThat(end.cpu()).isBetween(Duration.ofNanos(1), Duration.ofSeconds(20));
              });
      assertThat(failing.witness().stdout()).isEqualTo("out\n");
      assertThat(failing.witness().stderr()).isEqualTo("err\n");
      assertThat(Trial.start(channel, Trial.request("/no/such/program")).end())
          .isInstanceOfSatisfying(
              CommandEnd.NotStarted.class, end -> assertThat(end.retryable()).isFalse());
      assertThat(lab.fixture.engine.hasRunningExec(lab.sandbox.id()))
          .as("the runner itself is no use")
          .isFalse();
    }
  }

  @Test
  void manyRunSideBySideAndKeepApart() throws Exception {
    int many = profile.ownKernel() ? 5 : 20;
    try (CommandChannel channel = open(lab.sandbox)) {
      List<Trial> trials = new ArrayList<>();
      for (int i = 0; i < many; i++) {
        trials.add(Trial.bash(channel, "for i in {1..50}; do echo " + i + "; done"));
      }
      for (int i = 0; i < many; i++) {
        assertThat(trials.get(i).said()).isEqualTo((i + "\n").repeat(50).strip());
      }
    }
  }

  @Test
  void outputWaitsUntilItIsAllowed() throws Exception {
    try (CommandChannel channel = open(lab.sandbox)) {
      Trial trial =
          Trial.start(
              channel,
              Trial.request(
                  Duration.ofMinutes(1), 1000, null, "head", "-c", "300000", "/dev/zero"));
      await()
          .during(Duration.ofMillis(300))
          .until(() -> trial.witness().written(), written -> written == 1000);
      assertThat(trial.witness().hasEnded()).isFalse();

      trial.command().allowOutput(200_000);
      trial.command().allowOutput(100_000);
      trial.said();
      assertThat(trial.witness().written()).isEqualTo(300_000);
    }
  }

  @Test
  void muchInputIsTakenAsFastAsItIsRead() throws Exception {
    long bytes = profile.ownKernel() ? 10L << 20 : 100L << 20;
    try (CommandChannel channel = open(lab.sandbox)) {
      Trial trial = Trial.start(channel, Trial.request("wc", "-c"));
      long begun = System.nanoTime();
      trial.feed(bytes);
      assertThat(trial.said()).isEqualTo(String.valueOf(bytes));
      double seconds = (System.nanoTime() - begun) / 1e9;
      System.out.printf("%s: %.0f MB/s of input%n", profile, bytes / 1e6 / seconds);
    }
  }

  @Test
  void signalsReachACommand() throws Exception {
    try (CommandChannel channel = open(lab.sandbox)) {
      Trial polite =
          Trial.bash(
              channel, "trap 'echo got it; exit 5' TERM; echo on; while :; do sleep 0.1; done");
      polite.awaitOutput("on");
      polite.command().signal(CommandSignal.TERM);
      assertThat(polite.end())
          .isInstanceOfSatisfying(
              CommandEnd.Exited.class, end -> assertThat(end.code()).isEqualTo(5));
      assertThat(polite.witness().stdout()).contains("got it");

      Trial killed = Trial.bash(channel, "echo on; exec sleep 100");
      killed.awaitOutput("on");
      killed.command().signal(CommandSignal.KILL);
      assertThat(killed.end())
          .isInstanceOfSatisfying(
              CommandEnd.Signalled.class, end -> assertThat(end.number()).isEqualTo(9));
    }
  }

  @Test
  void aTerminalIsATerminal() throws Exception {
    try (CommandChannel channel = open(lab.sandbox)) {
      Trial trial =
          Trial.start(
              channel,
              Trial.request(
                  Duration.ofMinutes(1),
                  1 << 20,
                  new TerminalSize(91, 17),
                  "bash",
                  "-c",
                  "tty; stty size; read x; stty size; echo got $x; cat"));
      trial.awaitOutput("17 91");
      trial.command().resize(new TerminalSize(120, 50));
      trial.type("typed\n");
      trial.awaitOutput("got typed");
      assertThat(trial.witness().stdout()).contains("/dev/pts/", "50 120");
      trial.type("\u0003");
      assertThat(trial.witness().awaitEnd())
          .isInstanceOfAny(CommandEnd.Signalled.class, CommandEnd.Exited.class);
    }
  }

  private static final String DAEMONS =
      "for i in 1 2 3; do (setsid bash -c 'trap \"\" TERM HUP; (sleep 4242 &); sleep 4242' &); done;"
          + " echo on; sleep 4242";

  private void awaitNoSleepers(Started sandbox) {
    await().atMost(Deployment.SOON).until(() -> sleepers(sandbox) == 0);
  }

  /** Of those that the script above starts. */
  private int sleepers(Started sandbox) throws Exception {
    return Integer.parseInt(
        said(sandbox.id(), "grep -lz '424[2]' /proc/[0-9]*/cmdline 2>/dev/null | wc -l"));
  }

  @Test
  void theTimeOutTakesTheWholeTree() throws Exception {
    Started sandbox = lab.fresh();
    // By then it must have started all of them, which takes its time in a kernel of its own.
    Duration timeOut = Duration.ofSeconds(profile.ownKernel() ? 20 : 10);
    try (CommandChannel channel = open(sandbox)) {
      Trial trial =
          Trial.start(channel, Trial.request(timeOut, 1 << 20, null, "bash", "-c", DAEMONS));
      trial.awaitOutput("on");
      assertThat(trial.end())
          .isInstanceOfSatisfying(
              CommandEnd.Killed.class, end -> assertThat(end.timedOut()).isTrue());
      // It counts those that are not gone within 2 s, and a busy machine may take longer.
      awaitNoSleepers(sandbox);

      Trial killed = Trial.bash(channel, DAEMONS);
      killed.awaitOutput("on");
      killed.command().kill();
      assertThat(killed.end())
          .isInstanceOfSatisfying(
              CommandEnd.Killed.class, end -> assertThat(end.timedOut()).isFalse());
      awaitNoSleepers(sandbox);
      assertThat(Trial.bash(channel, "echo fine").said()).isEqualTo("fine");
    }
  }

  /** As when another worker process takes the sandbox over. */
  @Test
  void theNextChannelEndsWhatTheLastOneLeft() throws Exception {
    Started sandbox = lab.fresh();
    CommandChannel first = open(sandbox);
    Trial left = Trial.bash(first, DAEMONS);
    left.awaitOutput("on");
    first.close();
    assertThat(left.witness().awaitEnd()).isInstanceOf(CommandEnd.Broken.class);
    assertThat(first.isOpen()).isFalse();

    try (CommandChannel second = open(sandbox)) {
      awaitNoSleepers(sandbox);
      assertThat(Trial.bash(second, "echo fine").said()).isEqualTo("fine");
    }
  }

  @Test
  void aSandboxThatEndsBreaksItsChannel() throws Exception {
    Started sandbox = lab.fresh();
    CommandChannel channel = open(sandbox);
    Trial trial = Trial.bash(channel, "echo on; sleep 100");
    trial.awaitOutput("on");

    lab.fixture.engine.kill(sandbox.id());

    assertThat(trial.witness().awaitEnd()).isInstanceOf(CommandEnd.Broken.class);
    assertThat(channel.isOpen()).isFalse();
    EngineException e =
        catchThrowableOfType(
            EngineException.class, () -> channel.start(Trial.request("true"), trial.witness()));
    assertThat(e.kind()).isEqualTo(EngineException.Kind.UNAVAILABLE);
    assertThat(
            catchThrowableOfType(EngineException.class, () -> open(sandbox)).kind().isRetryable())
        .isTrue();
  }

  private static String flood(int seconds, int descriptor, int pieces) {
    return "timeout "
        + seconds
        + " dd if=/dev/zero of=/proc/1/fd/"
        + descriptor
        + " bs=64k count="
        + pieces
        + " iflag=fullblock 2>&1; code=$?; ((code == 124)) || exit $code";
  }

  /** What is written there the engine has to read, outside of the sandbox's limits. */
  @Row(51)
  @Test
  void noCommandKeepsTheEngineBusyThroughTheFirstProcess() throws Exception {
    String control =
        lab.control(
            command -> {
              lab.onHostsKernel(command.getHostConfig());
              command.withUser("1000:1000");
            },
            lab.sandbox);
    for (int descriptor : new int[] {1, 2}) {
      succeeds(control, flood(3, descriptor, 100));
      if (profile.ownKernel()) {
        theWorkerTakesItSlowly(flood(3, descriptor, 1000));
      } else {
        theKernelRefuses(flood(60, descriptor, 1000));
      }
    }
  }

  private void theKernelRefuses(String flood) throws Exception {
    Started sandbox = lab.fresh();
    try (CommandChannel channel = open(sandbox)) {
      assertThat(Trial.bash(channel, flood).witness().awaitEnd())
          .isInstanceOfSatisfying(
              CommandEnd.Exited.class, end -> assertThat(end.code()).isNotIn(0, 124));
      refused(sandbox.id(), flood, "permission denied");
      String others =
          "for f in /proc/[0-9]*/fd/*; do [[ $f == /proc/$$/* ]] || ! { : >$f; } 2>/dev/null"
              + " || echo $f; done";
      assertThat(Trial.bash(channel, others).said())
          .as("outputs of other processes that a command can open")
          .isEmpty();
    }
  }

  /** gVisor gives a command what belongs to a process of its own uid. */
  private void theWorkerTakesItSlowly(String flood) throws Exception {
    Started sandbox = lab.fresh();
    CommandEngine commands = lab.fixture.engine.commands(lab.spec, false);
    try (CommandChannel channel = commands.open(sandbox.id())) {
      assertThat(Trial.bash(channel, "echo fine").said()).isEqualTo("fine");
      long begun = System.nanoTime();
      String said = lab.fixture.bash(sandbox.id(), flood + "; echo stopped").output();
      assertThat(said).as(flood).contains("stopped").doesNotContain("1000+0 records out");
      assertThat(Duration.ofNanos(System.nanoTime() - begun)).isGreaterThan(Duration.ofSeconds(2));
    }
    try (CommandChannel again = commands.open(sandbox.id())) {
      assertThat(Trial.bash(again, "echo fine").said()).isEqualTo("fine");
    }
    long begun = System.nanoTime();
    lab.fixture.engine.kill(sandbox.id());
    lab.fixture.engine.remove(sandbox.id());
    assertThat(Duration.ofNanos(System.nanoTime() - begun))
        .as("its end waits for nobody who reads slowly")
        .isLessThan(Duration.ofSeconds(60));
  }

  /** What it says would not be the runner's, whatever it writes. */
  @Test
  void aCommandCannotSpeakForTheRunner() throws Exception {
    Started sandbox = lab.fresh();
    try (CommandChannel channel = open(sandbox)) {
      Trial other = Trial.bash(channel, "echo on; read; echo done");
      other.awaitOutput("on");
      Trial forger =
          Trial.bash(
              channel,
              "for p in /proc/[0-9]*; do for f in 0 1 2; do"
                  + " printf 'X\\0\\0\\21\\0\\0\\0\\1\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0'"
                  + " 2>/dev/null >$p/fd/$f; done; done; kill -9 -1; exit 0");
      forger.end();
      assertThat(Trial.bash(channel, "echo fine").said()).isEqualTo("fine");
      assertThat(other.witness().stdout()).startsWith("on\n").doesNotContain("done");
    } catch (EngineException e) {
      // A runner that the engine started can be killed by its own user, and is started again. And
      // gVisor lets a process write to the runner's output, which ends that runner's use.
      assertThat(profile.rootInside() || profile.ownKernel()).isTrue();
      try (CommandChannel again = open(sandbox)) {
        assertThat(Trial.bash(again, "echo fine").said()).isEqualTo("fine");
      }
    }
  }
}
