/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.cli.terminal.StandardStreams;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.Writer;
import java.nio.file.Path;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.common.errors.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

/** The messages about a command that may be running although this program can't continue. */
class ExecCommandTest {
  private final UserId user = new UserId(UUID.randomUUID());
  private final Exec exec = SampleEvents.exec(user, true, "cat");
  private final StringWriter err = new StringWriter();
  @TempDir private Path directory;
  private LocalCommands worker;

  @BeforeEach
  void start() {
    worker = new LocalCommands(directory);
  }

  @AfterEach
  void stop() {
    worker.close();
  }

  private interface Publishing {
    void publish(SandboxEvent event) throws CommandException;
  }

  private CommandLog log(Publishing publishing) {
    return new PassingLog(worker) {
      @Override
      public void publish(SandboxEvent event) throws CommandException {
        publishing.publish(event);
      }
    };
  }

  private CommandException failure(CommandLog log, InputStream in) {
    return catchThrowableOfType(CommandException.class, () -> run(log, exec, in));
  }

  private int run(CommandLog log, Exec published, InputStream in) throws Exception {
    OutputStream out = OutputStream.nullOutputStream();
    StandardStreams streams = new StandardStreams(in, out, out, false, false, false);
    ExecCommand command =
        new ExecCommand(
            new CommandContext(
                new Console(
                    Map.of(),
                    new PrintWriter(Writer.nullWriter()),
                    new PrintWriter(err, true),
                    false),
                () -> false,
                _ -> new FakeEngine(),
                _ -> new FakeEngine(),
                () -> streams));
    var _ =
        new CommandLine(command)
            .registerConverter(UserId.class, Converters::user)
            .parseArgs("-i", user.toString(), "cat");
    return command.run(log, published, streams);
  }

  private void saysThatItMayRun(CommandException failure) {
    assertThat(failure.exitCode()).isEqualTo(ExitCode.UNKNOWN_END);
    assertThat(failure)
        .hasMessageContaining("the command " + exec.eventId() + " may run")
        .hasMessageContaining("watch --user " + user);
  }

  @Test
  void inputThatIsRefusedLeavesTheEndOpen() {
    CommandLog log =
        log(
            event -> {
              if (event instanceof Input) {
                throw new CommandException(ExitCode.CONFIG, "no Write on sandbox.input", null);
              }
              worker.publish(event);
            });
    CommandException failure = failure(log, InputStream.nullInputStream());
    assertThat(failure).hasMessageContaining("no Write on sandbox.input");
    saysThatItMayRun(failure);
  }

  @Test
  void inputThatCanNotBeReadEndsTheCommand() {
    InputStream directory =
        new InputStream() {
          @Override
          public int read() throws IOException {
            throw new IOException("Is a directory");
          }
        };
    CommandException failure = failure(log(worker::publish), directory);
    assertThat(failure).hasMessageContaining("Is a directory");
    saysThatItMayRun(failure);
    assertThat(worker.published)
        .last()
        .isInstanceOfSatisfying(
            Input.class,
            input ->
                assertThat(input.content()).isEqualTo(new Input.Content.Signal(CommandSignal.HUP)));
  }

  @Test
  void anExecWhoseAcknowledgementIsLostMayRun() {
    CommandLog log =
        log(
            _ -> {
              throw new CommandException(
                  ExitCode.UNAVAILABLE, "no answer", new TimeoutException("120 s have passed"));
            });
    saysThatItMayRun(failure(log, InputStream.nullInputStream()));
  }

  @Test
  void anExecThatTheLogRefusesDoesNotRun() {
    CommandException refused = new CommandException(ExitCode.CONFIG, "not authorized", null);
    CommandLog log =
        log(
            _ -> {
              throw refused;
            });
    assertThat(failure(log, InputStream.nullInputStream())).isSameAs(refused);
  }

  @ParameterizedTest
  @CsvSource({
    "echo hi && ls, FAILED, , true",
    "echo hi && ls, EXITED, 127, true",
    "ls, FAILED, , false",
    "a program, EXITED, 1, false"
  })
  void aScriptThatIsTakenForAProgramNeedsShell(
      String program, Exited.Reason reason, Integer code, boolean hinted) throws Exception {
    Exec published = SampleEvents.exec(user, program);
    CommandLog log =
        log(event -> worker.answer(SampleEvents.exited(published, reason, code, null, 0)));
    assertThat(run(log, published, InputStream.nullInputStream()))
        .isEqualTo(code == null ? ExitCode.NOT_RUN : code);
    assertThat(err.toString().contains("add --shell")).isEqualTo(hinted);
  }

  @Test
  void anExecForWhichNoBrokerIsFoundDoesNotRun() {
    CommandException away = new CommandException(ExitCode.UNAVAILABLE, "no broker", null);
    CommandLog log =
        log(
            _ -> {
              throw away;
            });
    assertThat(failure(log, InputStream.nullInputStream())).isSameAs(away);
  }
}
