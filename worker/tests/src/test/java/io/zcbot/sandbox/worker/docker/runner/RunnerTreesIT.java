/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.runner;

import static io.zcbot.sandbox.worker.docker.runner.RunnerCommandView.EXITED;
import static io.zcbot.sandbox.worker.docker.runner.RunnerCommandView.KILLED;
import static io.zcbot.sandbox.worker.docker.runner.RunnerCommandView.SIGNALLED;
import static io.zcbot.sandbox.worker.docker.runner.RunnerCommandView.TIMED_OUT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.worker.docker.runner.RunnerCommandView.End;
import io.zcbot.sandbox.worker.docker.runner.RunnerContainer.Place;
import io.zcbot.sandbox.worker.docker.runner.RunnerLink.Start;
import io.zcbot.sandbox.worker.testkit.InFullRuns;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/** Commands that resist being ended, or attack the runner, which has the same uid. */
@Tag("engine")
@ParameterizedClass
@MethodSource("places")
@Order(10)
class RunnerTreesIT {
  /** Long enough for a script to be at work, short enough for a test. */
  private static final Duration SOON = Duration.ofMillis(1_500);

  private static RunnerContainer container;

  /** Beside a first process of the same uid, what is killed is the same, but for that process. */
  private static Stream<Place> places() {
    return InFullRuns.THIS_ONE
        ? Stream.of(Place.values())
        : Stream.of(Place.FIRST_PROCESS, Place.EXEC);
  }

  @Parameter Place place;

  private RunnerLink runner;

  @BeforeParameterizedClassInvocation
  static void start(Place place) throws Exception {
    container = new RunnerContainer(place);
  }

  @AfterParameterizedClassInvocation
  static void stop() throws Exception {
    container.close();
  }

  @BeforeEach
  void attach() throws Exception {
    runner = container.attach();
  }

  @AfterEach
  void detach() {
    runner.close();
  }

  /** The command lines of all processes in the container. */
  private String processes() throws Exception {
    return runner.look("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '");
  }

  /** What was killed is gone soon, also on a machine that is busy; no sleep ends by itself then. */
  private void awaitGone(String commandLine) {
    await()
        .atMost(Duration.ofSeconds(90))
        .untilAsserted(() -> assertThat(processes()).doesNotContain(commandLine));
  }

  /** Survivors are reported. */
  private End assertTimedOutButFor(String script) throws Exception {
    long start = System.nanoTime();
    RunnerCommandView command = runner.start(Start.bash(script).timeout(SOON).credit(1 << 20));
    End end = command.end();
    long took = (System.nanoTime() - start) / 1_000_000;
    assertThat(end.how()).as(command.out() + command.err()).isEqualTo(TIMED_OUT);
    assertThat(took).as("ms").isBetween(1_400L, 30_000L);
    return end;
  }

  /** Forks twice, each time into a new session. */
  private static final String DAEMON =
      """
      import os, signal, time
      for i in range(2):
        if os.fork(): os._exit(0)
        os.setsid()
      for s in range(1, 65):
        try: signal.signal(s, signal.SIG_IGN)
        except (OSError, ValueError): pass
      os.execvp("sleep", ["sleep", "%d"])
      """;

  @Test
  void theTimeoutKillsDaemonsToo() throws Exception {
    String daemon = DAEMON.formatted(6100);
    RunnerCommandView other = runner.start(Start.of("sleep", "6200")).awaitExecuted();
    var _ =
        assertTimedOutButFor(
            "python3 -c '"
                + daemon
                + "'; setsid -f sleep 6100; nohup sleep 6100 & trap '' TERM; sleep 6100");
    awaitGone("sleep 6100");
    assertThat(processes()).contains("sleep 6200");
    assertThat(other.kill().end().how()).isEqualTo(KILLED);
    awaitGone("sleep 6200");
  }

  @Test
  void onDemandTheWholeTreeIsKilled() throws Exception {
    RunnerCommandView command =
        runner.start(
            Start.bash("python3 -c '" + DAEMON.formatted(6300) + "'; echo up; sleep 6300"));
    End end = command.awaitOutput("up").kill().end();
    assertThat(end.how()).isEqualTo(KILLED);
    awaitGone("sleep 6300");
  }

  @Test
  void whatWasWrittenBeforeTheTimeoutIsSent() throws Exception {
    RunnerCommandView command =
        runner.start(Start.bash("echo written; sleep 64").timeout(Duration.ofSeconds(5)).credit(0));
    assertThat(runner.look("sleep 6; echo later")).isEqualTo("later");
    assertThat(command.allow(100).end().how()).isEqualTo(TIMED_OUT);
    assertThat(command.out()).isEqualTo("written\n");
  }

  @Test
  void aForkBombEndsAtItsTimeout() throws Exception {
    awaitNoSurvivors(assertTimedOutButFor("bomb() { bomb | bomb & }; bomb 2>/dev/null; sleep 65"));
    assertUnharmed();
  }

  /** On a busy machine, the runner may not be able to kill everything in its two seconds. */
  private void awaitNoSurvivors(End end) {
    if (end.survivors() > 0) {
      await()
          .atMost(Duration.ofSeconds(90))
          .until(
              () -> {
                runner.reset();
                return !runner.text().startsWith("survivors");
              });
    }
  }

  @Test
  void processesThatForkAndEndInSessionsOfTheirOwnEndAtTheTimeout() throws Exception {
    String comets =
        """
        import os, time
        for i in range(20):
          try:
            if os.fork() == 0: break
          except OSError: pass
        else:
          time.sleep(74)
        while True:
          try: pid = os.fork()
          except OSError: continue
          if pid: os._exit(0)
          os.setsid()
        """;
    awaitNoSurvivors(assertTimedOutButFor("exec python3 -c '" + comets + "' 2>/dev/null"));
    assertUnharmed();
  }

  private void assertUnharmed() throws Exception {
    assertThat(runner.look("echo /proc/[0-9]*").split(" ")).hasSizeLessThan(12);
    assertThat(runner.start(Start.of("true")).end().how()).isEqualTo(EXITED);
  }

  @Test
  void whereNoProcessCanBeMadeACommandIsReportedAsNotStarted() throws Exception {
    RunnerCommandView full =
        runner.start(
            Start.bash("while sleep 66 & do :; done 2>&1; echo full; wait; sleep 66")
                .timeout(Duration.ofMinutes(2)));
    full.awaitOutput("fork: ");
    RunnerCommandView.NotStarted answer = runner.start(Start.of("true")).notStarted();
    assertThat(answer.errno()).isEqualTo(11);
    assertThat(answer.text()).isEqualTo("fork");
    // Then what no command owns would be killed.
    assertThat(runner.start(Start.of("true")).notStarted()).isEqualTo(answer);
    End end = full.kill().end();
    assertThat(end.how()).isEqualTo(KILLED);
    awaitNoSurvivors(end);
    assertUnharmed();
  }

  @Test
  void aFloodThatOutlivesItsCommandIsKilledAtTheSecondRefusalInARow() throws Exception {
    String flood =
        """
        import os, time
        if os.fork(): os._exit(0)
        os.setsid()
        while True:
          try:
            if os.fork() == 0: os.execvp("sleep", ["sleep", "6500"])
          except OSError: time.sleep(0.0001)
        """;
    RunnerCommandView other =
        runner.start(Start.bash("sleep 6600 & sleep 6600").timeout(Duration.ofMinutes(9)));
    other.awaitExecuted();
    assertThat(runner.start(Start.of("python3", "-c", flood)).end().how()).isEqualTo(EXITED);
    await().until(() -> !runner.start(Start.of("true")).isStarted());
    RunnerCommandView second = runner.start(Start.bash("cat; echo ended")).endInput();
    assertThat(second.isStarted()).isTrue();
    assertThat(second.end().how()).isEqualTo(EXITED);
    assertThat(second.out()).isEqualTo("ended\n");
    awaitGone("sleep 6500");
    assertThat(processes()).contains("sleep 6600");
    assertThat(other.kill().end().how()).isEqualTo(KILLED);
    assertUnharmed();
  }

  @Test
  void aSupervisorThatIsKilledEndsItsCommand() throws Exception {
    RunnerCommandView command =
        runner.start(Start.bash("sleep 67 & kill -KILL $PPID; sleep 67").credit(1000));
    End end = command.end();
    assertThat(end.how()).isEqualTo(SIGNALLED);
    assertThat(end.code()).isEqualTo(9);
    assertThat(processes()).doesNotContain("sleep 67");
    assertUnharmed();
  }

  @Test
  void aSupervisorThatIsStoppedDoesNotStopTheTimeout() throws Exception {
    var _ = assertTimedOutButFor("kill -STOP $PPID; sleep 6800");
    var _ = assertTimedOutButFor("kill -STOP $PPID; exit 3");
    awaitGone("sleep 6800");
    assertUnharmed();
  }

  @Test
  void nothingInTheContainerCanStopTheFirstProcess() throws Exception {
    if (place != Place.FIRST_PROCESS) {
      return;
    }
    RunnerCommandView command =
        runner.start(
            Start.bash(
                "for s in {1..64}; do kill -$s 1 2>/dev/null; done; kill -KILL -1; echo no"));
    RunnerCommandView other = runner.start(Start.of("sleep", "69"));
    assertThat(command.end().how()).isEqualTo(SIGNALLED);
    assertThat(other.kill().end().how()).isIn(SIGNALLED, KILLED);
    assertUnharmed();
    assertThat(container.isRunning()).isTrue();
  }

  /** They run in the runner's memory, so at no instruction of theirs may an end harm it. */
  @Test
  void supervisorsThatAreStoppedAndKilledAtAnyMomentDoNotHarmTheRunner() throws Exception {
    if (place != Place.FIRST_PROCESS) {
      return; // the runner would be killed with them
    }
    String killer =
        """
        import os, random, time
        print("begun", flush=True)
        if os.fork(): os._exit(0)
        os.setsid()
        while True:
          for s in random.choice([[9], [19, 18, 9], [19, 9, 18], [19, 18]]):
            try: os.kill(-1, s)
            except ProcessLookupError: pass
            time.sleep(random.random() * 0.001)
        """;
    runner.start(Start.of("python3", "-c", killer).credit(100)).awaitOutput("begun");
    int killed = 0;
    for (int round = 0; round < 50; round++) {
      List<RunnerCommandView> all = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        Start start = i % 4 == 3 ? Start.of("/no/such") : Start.of("sleep", "0.01");
        all.add(runner.start(start.timeout(SOON)));
      }
      for (RunnerCommandView command : all) {
        if (command.isStarted() && command.end().how() != EXITED) {
          killed++;
        }
      }
    }
    assertThat(killed).isGreaterThan(50);
    runner.reset();
    assertUnharmed();
    assertThat(container.isRunning()).isTrue();
  }

  @Test
  void asAnExecItEndsWithItsInputAndItsCommandsWithIt() throws Exception {
    if (place == Place.FIRST_PROCESS) {
      return;
    }
    runner.start(Start.bash("setsid sleep 70 & sleep 70")).awaitExecuted();
    assertThat(runner.look("sleep 0.2; echo seen")).isEqualTo("seen");
    runner.endRunnersInput();
    assertThat(runner.awaitExit()).isZero();
    assertThat(container.exec("1000:1000", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"))
        .doesNotContain("sleep 70");
  }

  @Test
  void theRunnerIsOutOfReach() throws Exception {
    String attacks =
        """
        import ctypes, os
        runner = int(open("/proc/%d/stat" % os.getppid()).read().rsplit(")", 1)[1].split()[1])
        libc = ctypes.CDLL(None, use_errno=True)
        for pid in (runner, os.getppid()):
          for path in ("fd", "fd/0", "fd/1", "mem", "environ", "maps", "cwd", "map_files", "task"):
            try:
              full = "/proc/%d/%s" % (pid, path)
              if path == "task": full += "/%d/fd/1" % pid
              if path == "cwd": os.readlink(full)
              elif path in ("fd", "map_files"): os.listdir(full)
              else: os.open(full, os.O_RDWR if path in ("mem", "fd/0", "fd/1") else os.O_RDONLY)
              print("open", full)
            except OSError as e:
              if e.errno not in (1, 2, 13): print(full, e)
          if libc.ptrace(16, pid, 0, 0) == 0: print("traced")
          fd = os.pidfd_open(pid)
          if libc.syscall(438, fd, 1, 0) >= 0: print("descriptor")
        print("done")
        """;
    RunnerCommandView command = runner.start(Start.of("python3", "-c", attacks));
    command.end();
    assertThat(command.out() + command.err()).isEqualTo("done\n");
  }

  @Test
  void aRunnerWithoutLimitsStillKeepsDeadlines() throws Exception {
    if (place == Place.EXEC_BESIDE_SAME_USER) {
      return; // there it ends the container, which whoever did this could have done as well
    }
    String take =
        """
        import os, resource
        runner = int(open("/proc/%d/stat" % os.getppid()).read().rsplit(")", 1)[1].split()[1])
        resource.prlimit(runner, resource.RLIMIT_NOFILE, (0, 0))
        print("taken", flush=True)
        if os.fork() == 0: os.setsid()
        os.execvp("sleep", ["sleep", "71"])
        """;
    try (RunnerContainer own = new RunnerContainer(place);
        RunnerLink victim = own.attach()) {
      RunnerCommandView command =
          victim.start(Start.of("python3", "-c", take).timeout(Duration.ofSeconds(10)));
      command.awaitOutput("taken");
      assertThat(victim.start(Start.of("true")).notStarted().text()).isEqualTo("pipe");
      command.end();
      assertThat(own.exec("1000:1000", "sleep 0.2; cat /proc/[0-9]*/cmdline | tr '\\0' ' '"))
          .doesNotContain("sleep 71");
      assertThat(own.isRunning()).isTrue();
    }
  }

  /**
   * What is executed is static: with a limit of 0, no other program would come as far as its first
   * line. In the runner's own output, that line would be no frame.
   */
  @Test
  void aRunnerWhoseLimitComesAndGoesGivesItsStreamsToNoCommand() throws Exception {
    String toggle =
        """
        import os, resource
        runner = int(open("/proc/%d/stat" % os.getppid()).read().rsplit(")", 1)[1].split()[1])
        usual = resource.prlimit(runner, resource.RLIMIT_NOFILE)
        print("begun", flush=True)
        while not os.path.exists("/tmp/enough"):
          for few in [0, 1, 2, 3] * 100:
            resource.prlimit(runner, resource.RLIMIT_NOFILE, (few, usual[1]))
            resource.prlimit(runner, resource.RLIMIT_NOFILE, usual)
        """;
    try (RunnerContainer own = new RunnerContainer(place);
        RunnerLink victim = own.attach()) {
      RunnerCommandView toggler =
          victim.start(Start.of("python3", "-c", toggle).timeout(Duration.ofMinutes(10)));
      toggler.awaitOutput("begun");
      int executed = 0;
      int refused = 0;
      for (int round = 0; round < 50; round++) {
        List<RunnerCommandView> all = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
          Start start = Start.of("/usr/local/lib/zcbot/zcbot-runner", "sockets");
          all.add(victim.start(i % 4 == 3 ? start.inTerminal() : start));
        }
        for (RunnerCommandView command : all) {
          if (command.isStarted()) {
            assertThat(command.end().how()).isEqualTo(EXITED);
            assertThat(command.out()).startsWith("zcbot-sandbox ready sockets=");
            executed++;
          } else {
            assertThat(command.notStarted().text()).isIn("pipe", "terminal");
            refused++;
          }
        }
      }
      System.out.printf("%s: %d commands were executed, %d refused%n", place, executed, refused);
      assertThat(executed).isPositive();
      assertThat(refused).isPositive();
      own.exec("1000:1000", "touch /tmp/enough");
      assertThat(toggler.end().how()).isEqualTo(EXITED);
      assertThat(victim.start(Start.of("true")).end().how()).isEqualTo(EXITED);
    }
  }

  @Test
  void theEngineStopsItAtOnce() throws Exception {
    try (RunnerContainer own = new RunnerContainer(place)) {
      own.attach().start(Start.bash("trap '' TERM; sleep 72")).awaitExecuted();
      assertThat(own.stopMillis()).as("ms of the 20 s until it is killed").isLessThan(18_000);
    }
  }

  @Test
  void anEarlierWorkersCommandsEndWithTheNextAttachment() throws Exception {
    runner.start(Start.bash("setsid sleep 73 & yes").credit(10_000)).awaitExecuted();
    assertThat(runner.look("sleep 0.2; echo seen")).isEqualTo("seen");
    runner.close();
    try (RunnerLink next = container.attach()) {
      assertThat(next.look("cat /proc/[0-9]*/cmdline | tr '\\0' ' '"))
          .doesNotContain("sleep 73", "yes");
    }
  }

  @Test
  void itRefusesToRunAsRoot() throws Exception {
    assertThat(container.exec("0:0", "/usr/local/lib/zcbot/zcbot-runner 2>&1; echo $?"))
        .isEqualTo("zcbot-runner: does not run commands as root\n77");
  }
}
