/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import io.zcbot.sandbox.worker.testkit.machine.Commands;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.ResourceLock;

/**
 * Ctrl-C on a raw terminal, where it is an ordinary key; signals to a process that hangs; and sizes
 * of a terminal.
 */
@ResourceLock("SIGWINCH")
class ExecForwardingTest {
  private static final Duration SHORT = Duration.ofMillis(500);
  private static final Duration LONG = Duration.ofSeconds(60);
  private static final TerminalSize KNOWN = new TerminalSize(80, 24);
  private static final TerminalSize LARGER = new TerminalSize(100, 30);
  private static final TerminalSize LARGEST = new TerminalSize(120, 40);

  private final UserId user = new UserId(UUID.randomUUID());
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final BlockingQueue<Input.Content> sent = new LinkedBlockingQueue<>();
  @TempDir private Path directory;
  private LocalCommands log;

  @BeforeEach
  void start() {
    log = new LocalCommands(directory);
  }

  @AfterEach
  void stop() {
    log.close();
  }

  private ExecSession session(Exec exec, Duration patience, OutputStream to) {
    return new ExecSession(
        log,
        exec,
        patience,
        new OutputSequence(to, to),
        new WaitingLine(new PrintWriter(Writer.nullWriter()), false, ""));
  }

  private ExecResult typed(Exec exec, ExecSession session, InputStream keys) throws Exception {
    CommandInput input = new CommandInput(log, user, exec.eventId());
    try (ExecForwarding forwarding = new ExecForwarding(input, session)) {
      forwarding.forwardKeys(keys);
      return session.follow();
    }
  }

  private static InputStream keys(String keys) {
    return new ByteArrayInputStream(keys.getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void theSecondOneLeavesWhatNobodyAnswers() throws Exception {
    Exec exec = SampleEvents.exec(user, true, "cat");
    ExecResult ending = typed(exec, session(exec, LONG, out), keys("\u0003x\u0003"));
    assertThat(ending).isInstanceOf(ExecResult.Left.class);
    assertThat(ending.exitCode()).isEqualTo(128 + 2);
    assertThat(ending.message()).contains("left the command " + exec.eventId());
  }

  /** Of a command that runs and is silent, it is the way to interrupt it. */
  @Test
  void theFirstOneDoesNotLeave() throws Exception {
    Exec exec = SampleEvents.exec(user, true, "cat");
    assertThat(typed(exec, session(exec, SHORT, out), keys("\u0003")))
        .isInstanceOf(ExecResult.Unanswered.class);
  }

  @Test
  void eachOneIsTheCommandsThatWroteSomething() throws Exception {
    Exec exec = SampleEvents.exec(user, true, "sh", "-c", "echo ready; exec cat");
    PipedOutputStream typing = new PipedOutputStream();
    PipedInputStream keys = new PipedInputStream(typing);
    OutputStream typedAtFirst =
        new OutputStream() {
          @Override
          public void write(int value) {
            out.write(value);
          }

          @Override
          public void write(byte[] bytes, int at, int length) throws IOException {
            if (out.size() == 0) {
              try (typing) {
                typing.write("\u0003\u0003\u0003".getBytes(StandardCharsets.US_ASCII));
              }
            }
            out.write(bytes, at, length);
          }
        };
    ExecSession session = session(exec, LONG, typedAtFirst);
    session.publish();
    assertThat(typed(exec, session, keys).exitCode()).isZero();
    assertThat(out).hasToString("ready\n\u0003\u0003\u0003");
  }

  /** A process that never follows its command, as if it were stuck while it writes the output. */
  static final class Stuck {
    private Stuck() {}

    public static void main(String[] directory) throws Exception {
      UserId user = new UserId(UUID.randomUUID());
      Exec exec = SampleEvents.exec(user, true, "cat");
      CommandLog log =
          new PassingLog(new LocalCommands(Path.of(directory[0]))) {
            @Override
            public void publish(SandboxEvent event) {
              System.out.println("published " + ((Input) event).content());
            }
          };
      ExecSession session =
          new ExecSession(
              log,
              exec,
              LONG,
              new OutputSequence(System.out, System.out),
              new WaitingLine(new PrintWriter(Writer.nullWriter()), false, ""));
      new ExecForwarding(new CommandInput(log, user, exec.eventId()), session).forwardSignals();
      System.out.println("ready");
      new CountDownLatch(1).await();
    }
  }

  @Test
  void aSignalAfterTheOneThatLeavesEndsTheProcess() throws Exception {
    List<String> command = new ArrayList<>(CliProcess.java());
    command.set(command.size() - 1, Stuck.class.getName());
    command.add(directory.toString());
    Process process = CliProcess.start(Map.of(), 60, command.toArray(String[]::new));
    CliProcess.read(process, "ready");
    CliProcess.signal(process, "TERM");
    CliProcess.read(process, "published Signal[signal=TERM]");
    do {
      CliProcess.signal(process, "TERM");
    } while (!process.waitFor(200, TimeUnit.MILLISECONDS));
    assertThat(process.exitValue()).isEqualTo(128 + 15);
  }

  private ExecForwarding sizes(Supplier<TerminalSize> current) {
    Exec exec = SampleEvents.exec(user, true, "cat");
    CommandLog recorder =
        new PassingLog(log) {
          @Override
          public void publish(SandboxEvent event) {
            sent.add(((Input) event).content());
          }
        };
    ExecForwarding forwarding =
        new ExecForwarding(
            new CommandInput(recorder, user, exec.eventId()), session(exec, LONG, out));
    forwarding.forwardSize(KNOWN, current);
    return forwarding;
  }

  @Test
  void aSizeThatChangedBeforeItWasWatchedIsSent() throws Exception {
    try (var _ = sizes(() -> LARGER)) {
      assertThat(sent.poll(60, TimeUnit.SECONDS)).isEqualTo(new Input.Content.Resize(LARGER));
    }
  }

  @Test
  void theNewestSizeIsSentLast() throws Exception {
    AtomicInteger looks = new AtomicInteger();
    try (var _ =
        sizes(
            () ->
                switch (looks.incrementAndGet()) {
                  case 1 -> KNOWN;
                  case 2 -> outdated();
                  default -> LARGEST;
                })) {
      await().until(() -> looks.get() == 1);
      changeSize();
      assertThat(sent.poll(60, TimeUnit.SECONDS)).isEqualTo(new Input.Content.Resize(LARGER));
      assertThat(sent.poll(60, TimeUnit.SECONDS)).isEqualTo(new Input.Content.Resize(LARGEST));
    }
  }

  /** The size of a terminal that is made larger before anyone learns of this one. */
  private TerminalSize outdated() {
    changeSize();
    await().until(() -> !sent.isEmpty() || aHandlerWaits());
    return LARGER;
  }

  private static void changeSize() {
    try {
      Commands.signal(ProcessHandle.current().pid(), "WINCH");
    } catch (IOException | InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static boolean aHandlerWaits() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().equals("SIGWINCH handler"))
        .anyMatch(thread -> thread.getState() == Thread.State.BLOCKED);
  }
}
