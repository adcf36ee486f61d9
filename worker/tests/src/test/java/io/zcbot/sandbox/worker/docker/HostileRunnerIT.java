/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.worker.docker.EngineFixture.Started;
import io.zcbot.sandbox.worker.docker.command.Trial;
import io.zcbot.sandbox.worker.engine.CommandChannel;
import io.zcbot.sandbox.worker.engine.CommandEnd;
import io.zcbot.sandbox.worker.engine.CommandEngine;
import io.zcbot.sandbox.worker.engine.EngineEvent;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.testkit.InFullRuns;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runners that misbehave, and the fallback for them. */
@Tag("engine")
@Order(11)
class HostileRunnerIT {
  private static final String READY = "echo zcbot-sandbox ready firewall=host; ";

  /** Answers like a runner, then continues with what follows. */
  private static final String ANSWERS =
      """
      import sys, os, time
      i, o = sys.stdin.buffer, sys.stdout.buffer
      def say(kind, number, *parts):
          payload = b''.join(parts)
          o.write(kind + len(payload).to_bytes(3) + number.to_bytes(4) + payload)
      print('zcbot-sandbox ready firewall=host', flush=True)
      nonce = i.read(16392 + 24)[-16:]
      say(b'H', 0, nonce, bytes([1]), b'liar')
      o.flush()
      i.read(8)
      """;

  @TempDir private static Path directory;
  private static EngineFixture fixture;

  @BeforeAll
  static void setUp() {
    fixture = new EngineFixture(directory.resolve("workspaces"), Duration.ofSeconds(60));
  }

  @AfterAll
  static void tearDown() throws IOException {
    fixture.close();
  }

  private static Started started(String... entryPoint) throws Exception {
    String words =
        String.join(",", Arrays.stream(entryPoint).map(word -> '"' + word + '"').toList());
    SandboxSpec spec =
        fixture.withImage(fixture.image(directory, "ENTRYPOINT [" + words + "]", "USER 1000:1000"));
    return fixture.start(spec);
  }

  private static Started liar(String script) throws Exception {
    String whole =
        Base64.getEncoder().encodeToString((ANSWERS + script).getBytes(StandardCharsets.UTF_8));
    return started("python3", "-c", "import base64; exec(base64.b64decode('" + whole + "'))");
  }

  private static CommandEngine commands() {
    return fixture.engine.commands(fixture.spec(), false);
  }

  private static void assertRuns(CommandChannel channel) throws Exception {
    assertThat(Trial.bash(channel, "echo $((6 * 7))").said()).isEqualTo("42");
  }

  /**
   * What every run tries, and what full runs try as well, since RunnerChannelTest answers with
   * anything.
   */
  private static List<String> ofTheRun(List<String> always, List<String> inFullRuns) {
    return InFullRuns.THIS_ONE
        ? Stream.concat(always.stream(), inFullRuns.stream()).toList()
        : always;
  }

  @Test
  void whereNoRunnerAnswersTheEngineStartsOne() throws Exception {
    for (String silent :
        ofTheRun(
            List.of("exec sleep 1000", "echo H; exec cat /dev/urandom"),
            List.of("exec cat >/dev/null", "exec yes", "exec cat /dev/zero"))) {
      Started sandbox = started("bash", "-c", READY + silent);
      long begun = System.nanoTime();
      try (CommandChannel channel = commands().open(sandbox.id())) {
        assertThat(Duration.ofNanos(System.nanoTime() - begun)).isLessThan(Duration.ofSeconds(60));
        assertRuns(channel);
      }
      fixture.engine.remove(sandbox.id());
    }
  }

  @Test
  void aLiarIsFoundOutAndReplaced() throws Exception {
    for (String lie :
        ofTheRun(
            List.of(
                // more than was allowed, a byte at a time
                "say(b'P', 1)\\nfor n in range(1000000): say(b'O', 1, b'x')",
                // never asked for
                "say(b'P', 77)",
                "while True: o.write(os.urandom(65536))",
                // a frame without an end
                "o.write(b'O' + (65535).to_bytes(3) + (1).to_bytes(4))\\nsys.exit(3)"),
            List.of(
                "say(b'O', 1, b'before the start')",
                // for ever
                "while True: say(b'C', 1, (1).to_bytes(4))",
                "while True: say(b'P', 1)",
                "while True: o.write(bytes(65536))",
                "say(b'X', 1, bytes(17)); say(b'X', 1, bytes(17))"))) {
      Started sandbox = liar(lie.replace("\\n", "\n") + "\no.flush()\ntime.sleep(100)\n");
      CommandEngine commands = commands();
      CommandChannel channel = commands.open(sandbox.id());
      Trial trial = Trial.start(channel, Trial.request(Duration.ofMinutes(1), 5000, null, "true"));

      CommandEnd end = trial.witness().awaitEnd();
      assertThat(trial.witness().wrong).isEmpty();
      assertThat(trial.witness().written()).isLessThanOrEqualTo(5000);
      await().untilAsserted(() -> assertThat(channel.isOpen()).as(lie).isFalse());
      if (!lie.contains("exit")) {
        try (CommandChannel next = commands.open(sandbox.id())) {
          assertRuns(next);
        }
      }
      assertThat(end).isInstanceOfAny(CommandEnd.Broken.class, CommandEnd.Exited.class);
      fixture.engine.remove(sandbox.id());
    }
  }

  /** As an image of an earlier version. */
  @Test
  void anImageWithoutARunnerIsSaidToHaveNone() throws Exception {
    SandboxSpec spec =
        fixture.withImage(
            fixture.image(
                directory,
                "USER 0",
                "RUN rm /usr/local/lib/zcbot/zcbot-runner*",
                "ENTRYPOINT [\"bash\",\"-c\",\"" + READY + "exec sleep 1000\"]",
                "USER 1000:1000"));
    Started sandbox = fixture.start(spec);

    EngineException e =
        catchThrowableOfType(EngineException.class, () -> commands().open(sandbox.id()));

    assertThat(e.kind()).as(e.getMessage()).isEqualTo(Kind.REJECTED);
    assertThat(e.getMessage()).contains("has no runner", "docker build");
    fixture.engine.remove(sandbox.id());
  }

  /** Lines of an image's build that have the runner start under another filter. */
  private static String filtered(String instructions) {
    String script =
        """
        #!/usr/bin/python3
        import ctypes, os, struct, sys
        code = [%s]
        program = ctypes.create_string_buffer(struct.pack('HBBI' * (len(code) // 4), *code))
        libc = ctypes.CDLL(None)
        if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(
            22, 2, struct.pack('HxxxxxxP', len(code) // 4, ctypes.addressof(program))):
            sys.exit('no filter')
        os.execv('/usr/local/lib/zcbot/runner', sys.argv)
        """
            .formatted(instructions);
    return "RUN cd /usr/local/lib/zcbot && mv zcbot-runner runner && echo "
        + Base64.getEncoder().encodeToString(script.getBytes(StandardCharsets.UTF_8))
        + " | base64 -d > zcbot-runner && chmod 755 zcbot-runner"
        + " && cp --remove-destination zcbot-runner zcbot-runner-exec";
  }

  /** As Linux before 4.17, which does not know a flag that the runner uses. */
  @Test
  void aRunnerOnAnOldKernelLoadsItsFilter() throws Exception {
    String unknownFlag =
        "32,0,0,0, 21,0,3,317, 32,0,0,24, 69,0,1,4, 6,0,0,0x50016, 6,0,0,0x7fff0000";
    Started sandbox =
        fixture.start(
            fixture.withImage(fixture.image(directory, filtered(unknownFlag), "USER 1000:1000")));
    String filters = "grep ^Seccomp_filters /proc/self/status";
    try (CommandChannel channel = commands().open(sandbox.id())) {
      assertThat(Trial.bash(channel, filters).said())
          .as("the engine's, the one of this test, and the runner's")
          .isEqualTo("Seccomp_filters:\t3");
    }
    fixture.engine.remove(sandbox.id());
  }

  /** Where it is the first process, and where the engine starts it. */
  @Test
  void aRunnerThatCanNotLoadItsFilterServesNobody() throws Exception {
    String replace = filtered("32,0,0,0, 21,0,1,317, 6,0,0,0x50026, 6,0,0,0x7fff0000");
    SandboxSpec first = fixture.withImage(fixture.image(directory, replace, "USER 1000:1000"));
    EngineException e = catchThrowableOfType(EngineException.class, () -> fixture.start(first));
    assertThat(e.kind()).as(e.getMessage()).isEqualTo(Kind.TRANSIENT);
    assertThat(e.getMessage())
        .contains("the runner does not serve without its filter of system calls", "(errno 38)");

    Started sandbox =
        fixture.start(
            fixture.withImage(
                fixture.image(
                    directory,
                    replace,
                    "ENTRYPOINT [\"bash\",\"-c\",\"" + READY + "exec sleep 1000\"]",
                    "USER 1000:1000")));
    e = catchThrowableOfType(EngineException.class, () -> commands().open(sandbox.id()));
    assertThat(e.kind().isRetryable()).isTrue();
    assertThat(e.getMessage()).contains("the runner says", "no filter of system calls (errno 38)");
    fixture.engine.remove(sandbox.id());
  }

  @Test
  void aSandboxThatEndedIsNotTakenForASilentOne() throws Exception {
    Started sandbox = fixture.start(fixture.spec());
    fixture.docker.killContainerCmd(sandbox.id()).exec();

    EngineException e =
        catchThrowableOfType(EngineException.class, () -> commands().open(sandbox.id()));

    assertThat(e.kind()).as(e.getMessage()).isIn(Kind.CONFLICT, Kind.ABSENT);
    fixture.engine.remove(sandbox.id());
  }

  @Test
  void aPausedSandboxAnswersNothing() throws Exception {
    Started sandbox = fixture.start(fixture.spec());
    CommandEngine commands = commands();
    CommandChannel before = commands.open(sandbox.id());
    Trial trial = Trial.bash(before, "echo on; read x; echo got $x");
    trial.awaitOutput("on");
    fixture.docker.pauseContainerCmd(sandbox.id()).exec();

    EngineException e =
        catchThrowableOfType(EngineException.class, () -> commands.open(sandbox.id()));
    assertThat(e.kind().isRetryable()).as(e.getMessage()).isTrue();

    fixture.docker.unpauseContainerCmd(sandbox.id()).exec();
    trial.type("this\n");
    assertThat(trial.said()).isEqualTo("on\ngot this");
    before.close();
    try (CommandChannel after = commands.open(sandbox.id())) {
      assertRuns(after);
      assertThat(fixture.docker.inspectContainerCmd(sandbox.id()).exec().getExecIds())
          .as("its runner is used, which did nothing wrong")
          .isNullOrEmpty();
    }
    assertThat(catchThrowableOfType(EngineException.class, () -> commands.open("no-such")).kind())
        .isEqualTo(Kind.ABSENT);
  }

  /** Were it use, no sandbox with commands would ever be idle. */
  @Test
  void theRunnerThatTheEngineStartsIsNoUse() throws Exception {
    Started sandbox = fixture.start(fixture.spec());
    Instant since = Instant.now();
    List<EngineEvent> seen = new CopyOnWriteArrayList<>();
    Thread watching =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    fixture.engine.watch(since, () -> {}, seen::add);
                  } catch (EngineException e) {
                    throw new AssertionError(e);
                  }
                });
    try (CommandChannel channel =
        fixture.engine.commands(fixture.spec(), true).open(sandbox.id())) {
      assertRuns(channel);
      assertThat(fixture.docker.inspectContainerCmd(sandbox.id()).exec().getExecIds()).hasSize(1);
      assertThat(fixture.engine.hasRunningExec(sandbox.id())).isFalse();
      fixture.background(sandbox.id(), "sleep", "10");
      assertThat(fixture.engine.hasRunningExec(sandbox.id())).isTrue();
    }
    await()
        .untilAsserted(
            () ->
                assertThat(
                        fixture
                            .bash(
                                sandbox.id(), "grep -l ^zcbot /proc/[2-9]*/comm /proc/1[0-9]*/comm")
                            .exitCode())
                    .as("it ends with its channel")
                    .isNotZero());
    await()
        .untilAsserted(
            () ->
                assertThat(seen)
                    .filteredOn(event -> event.containerId().equals(sandbox.id()))
                    .as("the sleep and the looks, each begun and ended")
                    .isNotEmpty()
                    .hasSizeGreaterThanOrEqualTo(2)
                    .matches(events -> events.size() % 2 == 0));
    watching.interrupt();
    watching.join();
  }

  /** Printed, not judged: the machine has other things to do. */
  @Test
  @InFullRuns("a measurement")
  void aCommandTakesAFractionOfAnExec() throws Exception {
    Started sandbox = fixture.start(fixture.spec());
    long byExec = median(9, () -> fixture.attack(sandbox.id(), "/bin/true"));
    try (CommandChannel channel =
        fixture.engine.commands(fixture.spec(), true).open(sandbox.id())) {
      long byRunner =
          median(50, () -> Trial.start(channel, Trial.request("/bin/true")).witness().awaitEnd());
      System.out.printf("/bin/true: exec %d us, runner of the engine %d us%n", byExec, byRunner);
    }
    try (CommandChannel channel = commands().open(sandbox.id())) {
      long byRunner =
          median(50, () -> Trial.start(channel, Trial.request("/bin/true")).witness().awaitEnd());
      System.out.printf(
          "/bin/true: exec %d us, runner attached %d us (%.1f times)%n",
          byExec, byRunner, (double) byExec / byRunner);
      assertThat(byRunner).isLessThan(byExec);
    }
  }

  private static long median(int times, Action action) throws Exception {
    long[] micros = new long[times];
    for (int i = 0; i < times; i++) {
      long begun = System.nanoTime();
      action.run();
      micros[i] = (System.nanoTime() - begun) / 1000;
    }
    Arrays.sort(micros);
    return micros[times / 2];
  }

  private interface Action {
    void run() throws Exception;
  }
}
