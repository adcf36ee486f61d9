/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Commands that run on this machine instead of in a sandbox, and answers that no command gives. */
@Order(1)
class ExecSessionTest {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final UserId user = new UserId(UUID.randomUUID());
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private final StringWriter waited = new StringWriter();
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
        new OutputSequence(to, err),
        new WaitingLine(new PrintWriter(waited, true), true, "waiting"));
  }

  private ExecResult run(Exec exec) throws Exception {
    ExecSession session = session(exec, PATIENCE, out);
    session.publish();
    return session.follow();
  }

  /** Gives an answer as nobody does who runs the command. */
  private ExecResult answered(Exited.Reason reason, String message, boolean retryable)
      throws Exception {
    Exec exec = SampleEvents.exec(user, "true");
    log.answer(SampleEvents.exited(exec, reason, null, null, 0, null, message, retryable));
    return session(exec, PATIENCE, out).follow();
  }

  private static Output output(Exec exec, long seq, String text) {
    return new Output(
        "o" + seq,
        exec.userId(),
        exec.eventId(),
        Instant.now(),
        seq,
        OutputStreamName.STDOUT,
        Data.of(text));
  }

  @Test
  void bothStreamsAndTheExitCodeArrive() throws Exception {
    ExecResult ending = run(SampleEvents.exec(user, "sh", "-c", "echo out; echo err >&2; exit 7"));
    assertThat(ending.exitCode()).isEqualTo(7);
    assertThat(ending.message()).isNull();
    assertThat(out).hasToString("out\n");
    assertThat(err).hasToString("err\n");
  }

  @Test
  void inputIsPipedInPiecesToItsEnd() throws Exception {
    byte[] bytes = new byte[3 * CommandInput.MAX_BYTES + 5];
    new Random(1).nextBytes(bytes);
    Exec exec = SampleEvents.exec(user, true, "cat");
    ExecSession session = session(exec, PATIENCE, out);
    session.publish();
    new CommandInput(log, user, exec.eventId()).pipe(new ByteArrayInputStream(bytes));
    assertThat(session.follow().exitCode()).isZero();
    assertThat(out.toByteArray()).isEqualTo(bytes);
    assertThat(log.published.subList(1, log.published.size()))
        .hasSize(5)
        .allSatisfy(
            event -> {
              if (((Input) event).content() instanceof Input.Content.Bytes piece) {
                assertThat(piece.data().length()).isLessThanOrEqualTo(CommandInput.MAX_BYTES);
              }
            });
  }

  @Test
  void aSignalThatEndsTheCommandIsItsExitCode() throws Exception {
    Exec exec = SampleEvents.exec(user, "sleep", "60");
    ExecSession session = session(exec, PATIENCE, out);
    session.publish();
    new CommandInput(log, user, exec.eventId()).send(new Input.Content.Signal(CommandSignal.TERM));
    assertThat(session.follow().exitCode()).isEqualTo(128 + 15);
  }

  @ParameterizedTest
  @CsvSource({
    "TIMEOUT, false, 124, why?[31m, the command ran into its time-out and was killed",
    "LOST, false, 122, 'the command may have run, and how it ended is not known: why?[31m',"
        + " 'the command may have run, and how it ended is not known'",
    "SANDBOX_GONE, false, 122, why?[31m, the sandbox ended while the command ran",
    "SANDBOX_GONE, true, 75, the command did not run: why?[31m, the command did not run",
    "UNKNOWN, false, 122, the command ended in a way that only a newer version knows: why?[31m,"
        + " the command ended in a way that only a newer version knows",
    "UNKNOWN, true, 75, the command did not run: why?[31m, the command did not run",
    "EXPIRED, true, 75, the command did not run: why?[31m,"
        + " the command did not run: it could not start in time",
    "REJECTED, false, 125, the command did not run: why?[31m,"
        + " the command did not run: it was rejected",
    "NO_SANDBOX, false, 125, the command did not run: why?[31m,"
        + " the command did not run: the user has no sandbox",
    "FAILED, false, 125, the command did not run: why?[31m, the command did not run",
  })
  void everyOtherEndHasItsCodeAndAMessage(
      Exited.Reason reason, boolean retryable, int code, String message, String usual)
      throws Exception {
    ExecResult ending = answered(reason, "why\u001b[31m", retryable);
    assertThat(ending.exitCode()).isEqualTo(code);
    assertThat(ending.message()).isEqualTo(message);
    assertThat(answered(reason, null, retryable).message()).isEqualTo(usual);
  }

  /** A caller must not take a part of the output for the whole, as a script that counts lines. */
  @ParameterizedTest
  @CsvSource({"0, 123", "7, 7"})
  void aCutOutputIsNoSuccess(int own, int passedOn) throws Exception {
    Exec exec = SampleEvents.exec(user, "true");
    Exited whole = SampleEvents.exited(exec, Exited.Reason.EXITED, own, null, 0);
    log.answer(
        new Exited(
            whole.eventId(),
            user,
            exec.eventId(),
            whole.exitedAt(),
            whole.reason(),
            own,
            null,
            null,
            null,
            0,
            true,
            0,
            whole.site(),
            null,
            1,
            null,
            null,
            false));
    ExecResult ending = session(exec, PATIENCE, out).follow();
    assertThat(ending.exitCode()).isEqualTo(passedOn);
    assertThat(ending.message())
        .isEqualTo(
            "its output was cut off; --max-output keeps up to 16m, and 'cp' copies a file of any"
                + " size");
  }

  @ParameterizedTest
  @CsvSource({"126, false, 126", "127, false, 127", "127, true, 75", "0, false, 125"})
  void aProgramThatCanNotBeExecutedHasTheCodeOfShells(int code, boolean retryable, int expected)
      throws Exception {
    Exec exec = SampleEvents.exec(user, "nosuch");
    log.answer(
        SampleEvents.exited(
            exec, Exited.Reason.FAILED, code, null, 0, null, "no such file", retryable));
    ExecResult ending = session(exec, PATIENCE, out).follow();
    assertThat(ending.exitCode()).isEqualTo(expected);
    assertThat(ending.message()).contains("no such file");
  }

  @Test
  void thatMemoryWasUsedUpIsReportedWhateverTheExitCode() throws Exception {
    for (Integer code : new Integer[] {null, 0}) {
      Exec exec = SampleEvents.exec(user, "true");
      log.answer(SampleEvents.outOfMemory(exec, code, "the memory\u001b[31m is used up"));
      ExecResult ending = session(exec, PATIENCE, out).follow();
      assertThat(ending.exitCode()).isEqualTo(code == null ? 137 : 0);
      assertThat(ending.message()).isEqualTo("the memory?[31m is used up");
    }
  }

  @Test
  void outputsComeOnceAndInOrderAndOthersNotAtAll() throws Exception {
    Exec exec = SampleEvents.exec(user, "true");
    Exec other = SampleEvents.exec(user, "true");
    log.answer(output(exec, 0, "a"));
    log.answer(output(other, 0, "z"));
    log.answer(SampleEvents.exited(other, Exited.Reason.EXITED, 9, null, 0));
    log.answer(output(exec, 1, "b"));
    log.answer(output(exec, 0, "a"));
    // The end may be read before the last outputs: they are in another topic.
    log.answer(SampleEvents.exited(exec, Exited.Reason.EXITED, 0, null, 3));
    log.answer(output(exec, 2, "c"));
    assertThat(session(exec, PATIENCE, out).follow().exitCode()).isZero();
    assertThat(out).hasToString("abc");
  }

  /** As of a record that failed, and came again behind the next one. */
  @Test
  void anOutputThatComesBehindItsNextIsWrittenBeforeIt() throws Exception {
    Exec exec = SampleEvents.exec(user, "true");
    log.answer(output(exec, 1, "b"));
    log.answer(output(exec, 0, "a"));
    log.answer(output(exec, 1, "b"));
    log.answer(output(exec, 2, "c"));
    log.answer(SampleEvents.exited(exec, Exited.Reason.EXITED, 0, null, 3));
    assertThat(session(exec, PATIENCE, out).follow().exitCode()).isZero();
    assertThat(out).hasToString("abc");
  }

  /** Whoever leaves, or gives up, has been told what came. */
  @Test
  void whatCameEarlyIsWrittenWithoutAnAnswerToo() throws Exception {
    Exec exec = SampleEvents.exec(user, "true");
    log.answer(output(exec, 1, "b"));
    ExecResult ending = session(exec, Duration.ofMillis(300), out).follow();
    assertThat(ending).isInstanceOf(ExecResult.Unanswered.class);
    assertThat(out).hasToString("b");
  }

  @Test
  void aGapInTheOutputIsReported() throws Exception {
    Exec exec = SampleEvents.exec(user, "true");
    log.answer(output(exec, 0, "a"));
    log.answer(output(exec, 3, "d"));
    log.answer(SampleEvents.exited(exec, Exited.Reason.EXITED, 0, null, 4));
    ExecResult ending = session(exec, PATIENCE, out).follow();
    assertThat(ending.exitCode()).isEqualTo(ExitCode.UNKNOWN_END);
    assertThat(ending.message()).isEqualTo("2 of its outputs did not arrive");
    assertThat(out).hasToString("ad");
  }

  /** What comes early is kept within bounds only. */
  @Test
  void aGapBeforeMuchOutputIsPassed() throws Exception {
    OutputSequence outputs = new OutputSequence(out, err);
    Exec exec = SampleEvents.exec(user, "true");
    String piece = "x".repeat(100_000);
    for (int seq = 1; seq < 40; seq++) {
      outputs.accept(output(exec, seq, piece));
      int kept = seq * piece.length() - out.size();
      assertThat(kept).isLessThanOrEqualTo(OutputSequence.MAX_EARLY);
    }
    assertThat(outputs.missing()).isEqualTo(1);
    outputs.accept(output(exec, 0, "late"));
    assertThat(out.toString()).isEqualTo(piece.repeat(39));
  }

  @Test
  void withoutAnAnswerTheWaitEndsAndTellsWhatToCheck() throws Exception {
    Exec exec = SampleEvents.exec(user, "true");
    ExecResult ending = session(exec, Duration.ofMillis(300), out).follow();
    assertThat(ending.exitCode()).isEqualTo(ExitCode.UNKNOWN_END);
    assertThat(ending.message())
        .startsWith("no answer to exec " + exec.eventId() + " within 300ms")
        .contains("Check that a worker runs", "watch --user " + user);
  }

  @Test
  void aLongWaitIsShownAndTakenAway() throws Exception {
    Exec exec = SampleEvents.exec(user, "true");
    var _ = session(exec, Duration.ofSeconds(6), out).follow();
    assertThat(waited.toString()).matches("(?s)\rwaiting … [2-9] s.* \r");
  }

  @Test
  void whoLeavesLearnsWhatGoesOn() throws Exception {
    Exec exec = SampleEvents.exec(user, "true");
    ExecSession session = session(exec, PATIENCE, out);
    session.leave(130);
    ExecResult ending = session.follow();
    assertThat(ending.exitCode()).isEqualTo(130);
    assertThat(ending.message()).contains("left the command " + exec.eventId());
  }

  @Test
  void aFailureOfAnotherThreadEndsTheWait() {
    ExecSession session = session(SampleEvents.exec(user, "true"), PATIENCE, out);
    session.fail(new CommandException(ExitCode.UNAVAILABLE, "no Kafka", null));
    assertThatThrownBy(session::follow).hasMessage("no Kafka");
  }

  @Test
  void anOutputThatCanNotBeWrittenEndsTheWait() {
    OutputStream closed =
        new OutputStream() {
          @Override
          public void write(int value) throws IOException {
            throw new IOException("Broken pipe");
          }
        };
    Exec exec = SampleEvents.exec(user, "true");
    log.answer(output(exec, 0, new String(new byte[10], StandardCharsets.US_ASCII)));
    assertThatThrownBy(session(exec, PATIENCE, closed)::follow).hasMessage("Broken pipe");
  }
}
