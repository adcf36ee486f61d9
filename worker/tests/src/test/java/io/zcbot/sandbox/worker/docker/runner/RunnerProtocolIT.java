/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.runner;

import static io.zcbot.sandbox.worker.docker.runner.RunnerCommandView.EXITED;
import static io.zcbot.sandbox.worker.docker.runner.RunnerCommandView.SIGNALLED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.worker.docker.runner.RunnerContainer.Place;
import io.zcbot.sandbox.worker.docker.runner.RunnerLink.Start;
import io.zcbot.sandbox.worker.testkit.InFullRuns;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The protocol of {@code sandbox-image/runner/PROTOCOL.md}, with the runner as process 1 and as an
 * exec.
 */
@Tag("engine")
@ParameterizedClass
@MethodSource("places")
@Order(10)
class RunnerProtocolIT {
  private static final int EAGAIN = 11;
  private static final int ENOENT = 2;
  private static final int EACCES = 13;
  private static final int EINVAL = 22;
  private static final int E2BIG = 7;

  private static RunnerContainer container;

  /** The program is the same: that it serves as an exec as well, {@link RunnerTreesIT} shows. */
  private static Stream<Place> places() {
    return InFullRuns.THIS_ONE
        ? Stream.of(Place.FIRST_PROCESS, Place.EXEC)
        : Stream.of(Place.FIRST_PROCESS);
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

  private static void assertEnd(RunnerCommandView command, int how, int code) throws Exception {
    RunnerCommandView.End end = command.end();
    assertThat(List.of(end.how(), end.code(), end.survivors()))
        .as("%s %s", command.out(), command.err())
        .containsExactly(how, code, 0);
  }

  @Test
  void exitCodesAndSignalsAreTold() throws Exception {
    assertThat(runner.text()).isEqualTo("sole discard pid");
    assertEnd(runner.start(Start.of("true")), EXITED, 0);
    assertEnd(runner.start(Start.of("/bin/false")), EXITED, 1);
    assertEnd(runner.start(Start.bash("exit 255")), EXITED, 255);
    assertEnd(runner.start(Start.bash("kill -TERM $$")), SIGNALLED, 15);
    assertEnd(runner.start(Start.bash("kill -KILL $$")), SIGNALLED, 9);
  }

  @Test
  void thatAProgramWasExecutedIsToldAtOnceEnoughIfNothingFollows() throws Exception {
    RunnerCommandView command = runner.start(Start.of("sleep", "60")).endInput();
    command.awaitExecuted();
    assertEnd(command.kill(), RunnerCommandView.KILLED, 0);
  }

  /** The program's own, not its supervisor's: by it, other commands find it and signal it. */
  @Test
  void theProcessIdOfTheProgramIsTold() throws Exception {
    for (Start start :
        List.of(Start.bash("echo $$; read x"), Start.bash("echo $$; read x").inTerminal())) {
      RunnerCommandView command = runner.start(start.pid()).awaitBytes(2);
      int pid = command.pid();
      assertThat(command.out().strip()).isEqualTo(String.valueOf(pid));
      assertThat(runner.look("kill -0 %1$d && tr '\\0' ' ' </proc/%1$d/cmdline".formatted(pid)))
          .startsWith("bash -c echo $$; read x");
      assertThat(runner.look("kill -KILL " + pid)).isEmpty();
      assertEnd(command, SIGNALLED, 9);
      assertThat(runner.look("kill -0 " + pid + " || echo gone")).isEqualTo("gone");
    }
    assertThat(runner.start(Start.of("true").pid()).awaitExecuted().pid()).isGreaterThan(1);
    assertThat(runner.start(Start.of("true")).awaitExecuted().pid()).as("no such field").isZero();
    assertThat(runner.start(Start.of("/nowhere").pid()).notStarted().errno()).isEqualTo(ENOENT);
  }

  @Test
  void theProcessorTimeOfAllProcessesIsTold() throws Exception {
    String burn = "import time\nwhile time.process_time() < 0.3: pass";
    RunnerCommandView command =
        runner.start(Start.bash("python3 -c '%s'; python3 -c '%s'".formatted(burn, burn)));
    assertThat(command.end().cpu().toMillis()).isBetween(600L, 2_000L);
  }

  @Test
  void thatMemoryWasUsedUpIsToldOfTheCommandThatHadIt() throws Exception {
    String much = "b'x' * (3 << 30)"; // of 512 MiB
    RunnerCommandView beside = runner.start(Start.of("sleep", "60")).awaitExecuted();
    RunnerCommandView hog = runner.start(Start.of("python3", "-c", much));
    assertEnd(hog, SIGNALLED, 9);
    assertThat(hog.end().memory()).isEqualTo(512 << 20);
    assertThat(beside.kill().end().memory()).isZero();
    RunnerCommandView shell = runner.start(Start.bash("python3 -c \"" + much + "\" | cat"));
    assertEnd(shell, EXITED, 0);
    assertThat(shell.end().memory()).isEqualTo(512 << 20);
    RunnerCommandView killed = runner.start(Start.bash("kill -KILL $$"));
    assertEnd(killed, SIGNALLED, 9);
    assertThat(killed.end().memory()).isZero();
    byte[] ofAnEarlierWorker = Start.of("true").message();
    ofAnEarlierWorker[4] = 0;
    assertThat(runner.start(ofAnEarlierWorker).end().memory()).as("no such field").isEqualTo(-1);
  }

  @Test
  void bothStreamsAreSentInTheirOrder() throws Exception {
    RunnerCommandView command =
        runner.start(Start.bash("for i in {1..5000}; do echo $i; echo e$i >&2; done"));
    command.end();
    assertThat(command.out().lines())
        .containsExactlyElementsOf(IntStream.rangeClosed(1, 5000).mapToObj(i -> "" + i).toList());
    assertThat(command.err().lines())
        .containsExactlyElementsOf(IntStream.rangeClosed(1, 5000).mapToObj(i -> "e" + i).toList());
  }

  @Test
  void inputIsTakenAsItIsAskedForAndEnds() throws Exception {
    byte[] data = new byte[1 << 20];
    new Random(1).nextBytes(data);
    RunnerCommandView command = runner.start(Start.bash("sha256sum; echo ended"));
    command.input(data).endInput();
    byte[] hash = MessageDigest.getInstance("SHA-256").digest(data);
    command.end();
    assertThat(command.out()).startsWith(HexFormat.of().formatHex(hash)).endsWith("ended\n");
    assertEnd(runner.start(Start.of("cat")).endInput(), EXITED, 0);
  }

  @Test
  void inputThatNobodyWillReadIsDropped() throws Exception {
    RunnerCommandView command =
        runner.start(
            Start.bash("trap 'exit 0' TERM; exec <&-; echo closed; while :; do sleep 0.1; done"));
    command.awaitOutput("closed").input(new byte[1 << 20]);
    assertEnd(command.signal(15), EXITED, 0);
  }

  @Test
  void aCommandThatDoesNotReadHoldsUpNobody() throws Exception {
    RunnerCommandView deaf = runner.start(Start.bash("exec sleep 50"));
    deaf.awaitExecuted();
    byte[] window = new byte[RunnerLink.MAX_PAYLOAD];
    for (int i = 0; i < 100; i++) {
      runner.send('I', 1, window); // far more than was asked for
    }
    assertEnd(runner.start(Start.of("true")), EXITED, 0);
    assertEnd(deaf.kill(), RunnerCommandView.KILLED, 0);
  }

  @Test
  void outputStaysWithinTheCredit() throws Exception {
    RunnerCommandView command =
        runner
            .start(Start.bash("yes | head -c 300000; echo end >&2").credit(1000))
            .awaitBytes(1000);
    assertThat(runner.look("sleep 0.2; echo seen")).isEqualTo("seen");
    assertThat(command.bytes()).isEqualTo(1000);
    command.allow(99_000).awaitBytes(100_000);
    command.allow(1 << 20);
    assertEnd(command, EXITED, 0);
    assertThat(command.bytes()).isEqualTo(300_004);
  }

  @Test
  void whatThePipesHoldAtTheEndIsSentWhenThereIsCredit() throws Exception {
    RunnerCommandView command = runner.start(Start.bash("head -c 60000 /dev/zero").credit(0));
    assertThat(runner.look("sleep 0.2; echo seen")).isEqualTo("seen");
    command.allow(60_000);
    assertEnd(command, EXITED, 0);
    assertThat(command.bytes()).isEqualTo(60_000);
  }

  @Test
  void muchOutputIsCompleteAndTheRunnersMemoryStaysSmall() throws Exception {
    long before = residentKiB();
    RunnerCommandView command =
        runner.start(Start.of("head", "-c", "64M", "/dev/zero").credit(1 << 18)).forgetOutput();
    for (long bytes = 1 << 18; bytes <= 64 << 20; bytes += 1 << 18) {
      command.awaitBytes(bytes - (1 << 17)).allow(1 << 18);
    }
    assertEnd(command, EXITED, 0);
    assertThat(command.bytes()).isEqualTo(64L << 20);
    assertThat(before).as("KiB before").isLessThan(1024);
    assertThat(residentKiB()).as("KiB after").isLessThan(1024);
  }

  @Test
  void whatIsDiscardedIsNotSentAndHoldsUpNothing() throws Exception {
    String flood = "head -c %sM /dev/zero; head -c 5M /dev/zero >&2; exit 3";
    for (Start start :
        List.of(Start.bash(flood.formatted(100)), Start.bash(flood.formatted(5)).inTerminal())) {
      RunnerCommandView command = runner.start(start.credit(1000)).awaitBytes(1000);
      command.discard().allow(1 << 20);
      assertEnd(command, EXITED, 3);
      assertThat(command.bytes()).isEqualTo(1000);
    }
    assertThat(residentKiB()).as("KiB").isLessThan(1024);
  }

  @Test
  void whatIsDiscardedAtAnyMomentEndsNothing() throws Exception {
    for (int i = 0; i < 50; i++) {
      RunnerCommandView command =
          runner.start(Start.bash("echo a; sleep 0.00" + i % 7 + "; echo b; seq 1 20000"));
      if (i % 2 == 0) {
        command.awaitExecuted();
      }
      assertEnd(command.discard(), EXITED, 0);
    }
    RunnerCommandView ended = runner.start(Start.bash("head -c 60000 /dev/zero").credit(0));
    assertThat(runner.look("sleep 0.2; echo seen")).isEqualTo("seen");
    assertEnd(ended.discard(), EXITED, 0);
    assertThat(ended.bytes()).isZero();
    RunnerCommandView background =
        runner.start(
            Start.bash("(sleep 0.3; echo late; echo alive >/tmp/alive) & yes | head -1000"));
    assertEnd(background.discard(), EXITED, 0);
    assertThat(
            runner.look(
                "for i in {1..300}; do [[ -s /tmp/alive ]] && break; sleep 0.1; done; cat /tmp/alive"))
        .isEqualTo("alive");
  }

  /**
   * Just as its terminal rests after little output, while the runner is busy until that is over.
   */
  @Test
  void whatIsDiscardedWhileItRestsEndsNothing() throws Exception {
    RunnerCommandView group =
        runner.start(Start.bash("for i in {1..100}; do sleep 50 & done; echo up; wait"));
    group.awaitOutput("up");
    byte[] windowChanged = RunnerLink.frame('K', group.number(), (byte) 28); // which sleep ignores
    String script =
        """
        import os, time
        for i in range(2000): os.write(1, b"x"); time.sleep(0.0001)
        os.write(1, bytes(1 << 20))""";
    for (int round = 0; round < 5; round++) {
      RunnerCommandView command =
          runner.start(
              Start.of("python3", "-c", script).inTerminal().timeout(Duration.ofSeconds(30)));
      ByteBuffer frames = ByteBuffer.allocate(4000); // which come in one piece
      frames.put(RunnerLink.frame('D', command.awaitBytes(20).number()));
      while (frames.remaining() >= windowChanged.length) {
        frames.put(windowChanged);
      }
      runner.sendRaw(Arrays.copyOf(frames.array(), frames.position()));
      assertEnd(command, EXITED, 0);
    }
    assertThat(group.kill().end().how()).isEqualTo(RunnerCommandView.KILLED);
  }

  /**
   * A worker that reads nothing holds up those that it waits for, and not those that it does not.
   */
  @Test
  void whatIsDiscardedNeedsNobodyToRead() throws Exception {
    RunnerCommandView command =
        runner.start(Start.bash("yes | head -c 50M; echo done >/tmp/done").credit(1));
    command.awaitBytes(1).discard();
    runner.pause();
    try {
      for (int i = 0; i < 20; i++) {
        runner.start(Start.bash("head -c 4M /dev/zero")).forgetOutput();
      }
      assertThat(
              container.exec(
                  "1000:1000",
                  "for i in {1..600}; do [[ -f /tmp/done ]] && break; sleep 0.1; done; cat /tmp/done"))
          .isEqualTo("done");
    } finally {
      runner.resume();
    }
    assertEnd(command, EXITED, 0);
  }

  /** What is to be said without delay does not keep the runner busy until it can be said. */
  @Test
  void theRunnerIsIdleWhileNobodyReads() throws Exception {
    String runnersStat = runner.look("p=$PPID; echo /proc/$(awk '{print $4}' /proc/$p/stat)/stat");
    String used = "awk '{print $14 + $15}' " + runnersStat;
    runner.pause();
    try {
      runner.start(Start.bash("yes")).forgetOutput();
      container.exec("1000:1000", "sleep 1"); // until all pipes are full
      runner.start(Start.of("sleep", "51")).endInput();
      String ticks = container.exec("1000:1000", "sleep 0.5; " + used + "; sleep 2; " + used);
      List<Integer> each = ticks.lines().map(Integer::valueOf).toList();
      assertThat(each.get(1) - each.get(0)).as("1/100 s of 2 s").isLessThan(20);
    } finally {
      runner.resume();
    }
  }

  /** The resident memory of this runner. */
  private long residentKiB() throws Exception {
    return Long.parseLong(
        runner.look(
            "p=$PPID; p=$(awk '{print $4}' /proc/$p/stat); awk '/VmRSS/ {print $2}' /proc/$p/status"));
  }

  @Test
  void manySmallWritesAreFewFrames() throws Exception {
    RunnerCommandView command =
        runner
            .start(Start.of("python3", "-c", "import os\nfor i in range(10**6): os.write(1, b'x')"))
            .forgetOutput();
    assertEnd(command, EXITED, 0);
    assertThat(command.bytes()).isEqualTo(1_000_000);
    assertThat(command.frames()).isLessThan(20_000);
  }

  @Test
  void aBackgroundProcessGoesOnAndHoldsUpNothing() throws Exception {
    RunnerCommandView command =
        runner.start(Start.bash("(while :; do echo late; sleep 0.05; done) & echo $!"));
    long start = System.nanoTime();
    assertEnd(command, EXITED, 0);
    assertThat((System.nanoTime() - start) / 1_000_000).isLessThan(20_000);
    String pid = command.out().lines().filter(line -> !line.equals("late")).findFirst().orElse("");
    assertThat(runner.look("kill -0 " + pid + " && echo alive")).isEqualTo("alive");
  }

  @Test
  void aBackgroundProcessOfATerminalLosesItWithTheCommand() throws Exception {
    String background =
        "until [[ -e /tmp/over ]]; do sleep 0.05; done; echo late; echo $? >/tmp/wrote";
    RunnerCommandView command =
        runner.start(
            Start.bash("trap '' HUP; (" + background + ") 2>/tmp/why & echo begun").inTerminal());
    assertEnd(command, EXITED, 0);
    assertThat(command.out()).isEqualTo("begun\r\n");
    assertThat(
            runner.look(
                "touch /tmp/over; for i in {1..600}; do [[ -s /tmp/wrote ]] && break; sleep 0.1;"
                    + " done; cat /tmp/wrote /tmp/why"))
        .startsWith("1\n")
        .endsWith("Input/output error");
  }

  @Test
  void outputAtAnyMomentComesByItself() throws Exception {
    String script = "while read -r x; do echo a$x; sleep 0.000$((x * 37 % 10)); echo b$x.; done";
    for (Start start : List.of(Start.bash(script), Start.bash(script).inTerminal())) {
      RunnerCommandView command = runner.start(start);
      for (int i = 0; i < 100; i++) {
        command.input(i + "\n").awaitOutput("b" + i + ".");
      }
      assertEnd(command.endInput(), EXITED, 0);
    }
  }

  @Test
  void whatCanNotStartIsToldWithTheReason() throws Exception {
    assertNotStarted(runner.start(Start.of("no-such-program")), ENOENT, "program");
    assertNotStarted(runner.start(Start.of("/etc/passwd")), EACCES, "program");
    assertNotStarted(runner.start(Start.of("")), ENOENT, "program");
    assertNotStarted(runner.start(Start.of("true").directory("/nowhere")), ENOENT, "directory");
    assertNotStarted(runner.start(Start.of("true").directory("/root")), EACCES, "directory");
    assertNotStarted(runner.start(Start.of("true", "x".repeat(140_000))), E2BIG, "program");
    assertNotStarted(runner.start(new byte[257 << 10]), E2BIG, "message");
  }

  private static void assertNotStarted(RunnerCommandView command, int errno, String text)
      throws Exception {
    assertThat(command.notStarted()).isEqualTo(new RunnerCommandView.NotStarted(errno, text));
  }

  @Test
  void startMessagesThatMakeNoSenseAreRefused() throws Exception {
    byte[] good = Start.of("echo", "hi").environment("A=b").message();
    for (int length = 1; length < good.length; length++) {
      assertNotStarted(runner.start(Arrays.copyOf(good, length)), EINVAL, "message");
    }

    assertNotStarted(runner.start(Arrays.copyOf(good, good.length + 1)), EINVAL, "message");
    byte[] noTimeout = good.clone();
    Arrays.fill(noTimeout, 0, 4, (byte) 0);
    assertNotStarted(runner.start(noTimeout), EINVAL, "message");
    byte[] manyArguments = ByteBuffer.wrap(good.clone()).putInt(13, 1 << 30).array();
    assertNotStarted(runner.start(manyArguments), E2BIG, "message");
    assertEnd(runner.start(good), EXITED, 0);
  }

  @Test
  void aProgramGetsACleanEnvironment() throws Exception {
    RunnerCommandView environment =
        runner.start(Start.of("env").environment("A=b", "LANG=de_DE", "ZCBOT_SECRET=x", "EMPTY="));
    environment.end();
    assertThat(environment.out().lines())
        .containsExactlyInAnyOrder(
            "A=b",
            "EMPTY=",
            "LANG=de_DE",
            "HOME=/workspace",
            "USER=sandbox",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    assertThat(runner.look("pwd; umask; id -u; id -G; echo /proc/self/fd/*"))
        .isEqualTo(
            """
            /workspace
            0022
            1000
            1000
            /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3"""); // 3: the look's
    assertThat(runner.look("exec grep -E 'Sig(Blk|Ign)|CapEff|NoNewPrivs' /proc/self/status"))
        .isEqualTo(
            """
            SigBlk:\t0000000000000000
            SigIgn:\t0000000000000000
            CapEff:\t0000000000000000
            NoNewPrivs:\t1""");
  }

  @Test
  void commandsAreStartedInTheDirectoryGiven() throws Exception {
    RunnerCommandView command = runner.start(Start.of("pwd").directory("/usr/lib"));
    command.end();
    assertThat(command.out()).isEqualTo("/usr/lib\n");
  }

  @Test
  void signalsGoToTheWholeGroup() throws Exception {
    RunnerCommandView command = runner.start(Start.bash("sleep 40 | sleep 40; echo $?"));
    command.awaitExecuted();
    assertThat(runner.look("sleep 0.3; echo seen")).isEqualTo("seen");
    assertEnd(command.signal(15), SIGNALLED, 15);
    // The end that is told is the shell's; the others of its group may take a moment more.
    await()
        .atMost(Duration.ofSeconds(90))
        .untilAsserted(
            () ->
                assertThat(runner.look("cat /proc/[0-9]*/cmdline | tr '\\0' ' '"))
                    .doesNotContain("sleep 40"));
    RunnerCommandView caught =
        runner.start(Start.bash("trap 'echo caught; exit 3' INT; echo set; while :; do :; done"));
    assertEnd(caught.awaitOutput("set").signal(2), EXITED, 3);
    assertThat(caught.out()).contains("caught");
  }

  /** They come with the start, so before the program is executed. Signal 28 ends no program. */
  @Test
  void allSignalsBeforeTheProgramReachIt() throws Exception {
    assertEnd(runner.startAndSignal(Start.of("sleep", "44"), 15, 28), SIGNALLED, 15);
    assertEnd(runner.startAndSignal(Start.of("sleep", "44"), 28, 15, 28), SIGNALLED, 15);
    assertEnd(runner.startAndSignal(Start.of("sleep", "44"), 9, 1), SIGNALLED, 9);
    assertEnd(runner.startAndSignal(Start.of("sleep", "44"), 1, 9), SIGNALLED, 9);
    assertEnd(runner.startAndSignal(Start.of("sleep", "44").inTerminal(), 15, 28), SIGNALLED, 15);
  }

  @Test
  void aTerminalIsOne() throws Exception {
    RunnerCommandView command =
        runner.start(
            Start.bash(
                    """
                    tty; echo $TERM; stty size; [[ -t 0 && -t 1 && -t 2 ]] && echo terminal
                    trap 'stty size; exit 4' WINCH; echo ready; while :; do sleep 0.1; done""")
                .inTerminal());
    command.awaitOutput("ready").resize(123, 45);
    assertEnd(command, EXITED, 4);
    assertThat(command.out())
        .contains("/dev/pts/", "xterm-256color\r\n", "30 100\r\n", "terminal\r\n", "45 123\r\n");
    assertThat(command.err()).isEmpty();
  }

  @Test
  void aTerminalThatAllClosedIsReadWhenItIsOpenedAgain() throws Exception {
    String script =
        """
        terminal=$(tty); exec </dev/null >/tmp/log 2>&1; sleep 0.5
        echo again >$terminal; sleep 0.5; head -c 1M /dev/zero >$terminal; exit 5""";
    for (boolean discard : new boolean[] {false, true}) {
      RunnerCommandView command =
          runner
              .start(Start.bash(script).inTerminal().timeout(Duration.ofSeconds(20)))
              .forgetOutput();
      if (discard) {
        command.discard();
      }
      assertEnd(command, EXITED, 5);
      assertThat(command.bytes()).isEqualTo(discard ? 0 : "again\r\n".length() + (1 << 20));
    }
  }

  /** It does not keep the runner busy either, although it is more than the terminal holds. */
  @Test
  void inputOfATerminalThatAllClosedIsForWhoOpensItAgain() throws Exception {
    String script =
        """
        used() { awk '{print $14 + $15}' /proc/$(awk '{print $4}' /proc/$PPID/stat)/stat; }
        terminal=$(tty); stty raw -echo; echo ready; exec </dev/null >/tmp/log 2>&1
        sleep 0.5; before=$(used); sleep 2; ticks=$(($(used) - before))
        exec <$terminal >$terminal; head -c 60000 | wc -c; echo $ticks""";
    RunnerCommandView command = runner.start(Start.bash(script).inTerminal());
    assertEnd(command.awaitOutput("ready").input(new byte[60000]), EXITED, 0);
    assertThat(command.out()).startsWith("ready\n60000\n");
    int ticks = Integer.parseInt(command.out().lines().toList().getLast());
    assertThat(ticks).as("1/100 s of 2 s").isLessThan(20);
  }

  @Test
  void aTerminalsSignalsGoToItsForeground() throws Exception {
    RunnerCommandView shell = runner.start(Start.of("bash", "--norc", "-i").inTerminal());
    shell.input("PS1=; echo be''gin; sleep 45\n").awaitOutput("begin");
    assertThat(runner.look("sleep 0.3; echo seen")).isEqualTo("seen");
    shell.signal(2).input("echo in''terrupted $?\n").awaitOutput("interrupted 130");
    shell.input("cat\n");
    assertThat(runner.look("sleep 0.3; echo seen")).isEqualTo("seen");
    shell.input("ec").input("ho\n").awaitOutput("echo\r\necho");
    shell.input("\u0003");
    assertThat(runner.look("sleep 0.3; echo seen")).isEqualTo("seen");
    shell.input("echo be''hind\n").awaitOutput("behind");
    assertEnd(shell.endInput(), EXITED, 0);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 9})
  void whatEndsATerminalsCommandEndsTheShellBehindItsForegroundToo(int signal) throws Exception {
    RunnerCommandView shell = runner.start(Start.of("bash", "--norc", "-i").inTerminal());
    shell.input("PS1=; echo be''gin; sleep 45\n").awaitOutput("begin");
    assertThat(runner.look("sleep 0.3; echo seen")).isEqualTo("seen");
    assertEnd(shell.signal(signal), SIGNALLED, signal);
  }

  /** A shell between two lines, and one whose program took the first end for its own. */
  @ParameterizedTest
  @ValueSource(strings = {"sleep 0.2", "cat; cat"})
  void theEndOfATerminalsInputReachesTheShellAfterItsPrograms(String programs) throws Exception {
    RunnerCommandView shell = runner.start(Start.of("bash", "--norc", "-i").inTerminal());
    shell.input("PS1=; echo be''gin; " + programs + "\n").awaitOutput("begin");
    assertEnd(shell.endInput(), EXITED, 0);
  }

  /** And what comes after is not told of an end of its own. */
  @ParameterizedTest
  @ValueSource(strings = {"", "abc\n", "abc\r", "abc", "abc\ndef", "abc\u0004"})
  void theEndOfATerminalsInputIsToldBehindALineWithoutEndToo(String input) throws Exception {
    RunnerCommandView command =
        runner.start(
            Start.bash("echo ready; cat >/dev/null; read -rt 0.5 x; echo $?")
                .inTerminal()
                .timeout(Duration.ofSeconds(20)));
    assertEnd(command.awaitOutput("ready").input(input).endInput(), EXITED, 0);
    assertThat(command.out()).endsWith("142\r\n"); // waited in vain
  }

  @Test
  void theEndOfATerminalsInputIsToldOnceToWhoGoesOn() throws Exception {
    String script =
        "stty -icanon -echo; echo ready; read -rN 1 got; read -rt 2 -N 8 more;"
            + " printf %s \"$got$more\" | od -An -c";
    RunnerCommandView command = runner.start(Start.bash(script).inTerminal());
    assertEnd(command.awaitOutput("ready").endInput(), EXITED, 0);
    assertThat(command.out()).isEqualTo("ready\r\n 004\r\n");
  }

  @Test
  void numbersOfCommandsThatAreNotThereHaveNoEffect() throws Exception {
    for (char type : "IETKWCD".toCharArray()) {
      int length = type == 'I' || type == 'K' ? 1 : type == 'W' || type == 'C' ? 4 : 0;
      runner.send(type, 4711, new byte[length]);
    }
    assertEnd(runner.start(Start.of("true")), EXITED, 0);
  }

  @Test
  void nonsenseIsSkippedUpToTheNextReset() throws Exception {
    RunnerCommandView running = runner.start(Start.of("sleep", "47")).awaitExecuted();
    Random random = new Random(4);
    for (int round = 0; round < 20; round++) {
      byte[] garbage = new byte[random.nextInt(100_000)];
      random.nextBytes(garbage);
      runner.sendRaw(garbage);
      runner.reset();
      assertEnd(runner.start(Start.of("true")), EXITED, 0);
    }
    assertThat(runner.look("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")).doesNotContain("sleep 47");
    assertThat(running).isNotNull();
  }

  @Test
  void aResetIsHandledThatIsReadByItself() throws Exception {
    runner.sendRaw("nonsense".getBytes(StandardCharsets.US_ASCII));
    runner.sendRaw(new byte[RunnerLink.MAX_PAYLOAD]);
    container.exec("1000:1000", "sleep 0.5"); // until that is read
    runner.resetWithoutZeros();
    assertEnd(runner.start(Start.of("true")), EXITED, 0);
  }

  @Test
  void aFrameThatItsSenderDidNotFinishEndsWithTheNextAttachment() throws Exception {
    byte[] frame = RunnerLink.frame('I', 7, new byte[RunnerLink.MAX_PAYLOAD]);
    for (int length : new int[] {1, 2, 3, 5, 8, 9, 5000, frame.length - 1, frame.length}) {
      runner.sendRaw(Arrays.copyOf(frame, length));
      runner.reset();
      assertEnd(runner.start(Start.of("true")), EXITED, 0);
    }
  }

  @Test
  void aResetKillsWhatRuns() throws Exception {
    for (int i = 0; i < 20; i++) {
      runner.start(Start.bash("setsid sleep 48 & (trap '' TERM HUP INT; exec sleep 48) & yes"));
    }
    // What is killed is gone a moment later, also for the runner if the machine is busy.
    await()
        .atMost(Duration.ofSeconds(90))
        .untilAsserted(
            () -> {
              runner.reset();
              assertThat(runner.text()).isEqualTo("sole discard pid");
            });
    await()
        .atMost(Duration.ofSeconds(90))
        .untilAsserted(
            () ->
                assertThat(runner.look("cat /proc/[0-9]*/cmdline | tr '\\0' ' '"))
                    .doesNotContain("sleep 48"));
  }

  /** With one processor, whose turn it is not yet has no session of its own. */
  @Test
  void aResetKillsWhatHasJustBegun() throws Exception {
    container.onOneProcessor(true);
    try {
      for (int round = 0; round < 100; round++) {
        runner.startAndReset(Start.of("sleep", "49"), 2);
        assertThat(runner.look("cat /proc/[0-9]*/cmdline | tr '\\0' ' '"))
            .as("round " + round)
            .doesNotContain("sleep 49");
      }
    } finally {
      container.onOneProcessor(false);
    }
  }

  @Test
  void manyCommandsRunAtOnceAndTooManyAreRefused() throws Exception {
    List<RunnerCommandView> some = new ArrayList<>();
    for (int i = 0; i < 100; i++) { // two processes each
      some.add(runner.start(Start.of("cat")));
    }
    for (RunnerCommandView command : some) {
      command.input("hello").endInput();
      assertEnd(command, EXITED, 0);
      assertThat(command.out()).isEqualTo("hello");
    }
    List<RunnerCommandView> many = new ArrayList<>();
    for (int i = 0; i < 1000; i++) {
      many.add(runner.start(Start.of("cat")));
    }
    int started = 0;
    for (RunnerCommandView command : many) {
      if (command.isStarted()) {
        started++;
        command.endInput();
        assertEnd(command, EXITED, 0);
      } else { // by the container's limit of processes; near it, starts are in each other's way
        assertNotStarted(command, EAGAIN, "fork");
      }
    }
    assertThat(started).isBetween(100, 400);
  }

  @Test
  void commandsThatRanSideBySideLeaveNothingBehind() throws Exception {
    for (int round = 0; round < 5; round++) {
      List<RunnerCommandView> all = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        all.add(runner.start(Start.bash("echo " + i)));
      }
      for (int i = 0; i < 40; i++) {
        assertEnd(all.get(i), EXITED, 0);
        assertThat(all.get(i).out()).isEqualTo(i + "\n");
      }
    }
    assertThat(runner.look("cat /proc/[0-9]*/stat | grep -c ' Z '")).isEqualTo("0");
  }
}
