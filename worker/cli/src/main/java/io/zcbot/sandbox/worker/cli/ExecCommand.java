/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.cli.terminal.ControllingTerminal;
import io.zcbot.sandbox.worker.cli.terminal.StandardStreams;
import io.zcbot.sandbox.worker.cli.terminal.VisibleOutput;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * The command {@code exec}: publishes an exec, passes input and output between this process and the
 * command, and exits with the command's exit code.
 */
@Command(
    name = "exec",
    description = {
      "Run a command in a user's sandbox, and exit with its exit code.",
      "Options of this command come before USER. The sandbox is made if the user has none.",
      "Ctrl-C sends INT to the command; a second one within a second kills it, and the next one"
          + " leaves it alone. With -it, Ctrl-C goes to the command like any other key. Until the"
          + " command has written something, a second Ctrl-C stops waiting for it.",
      "On a terminal, control characters in the output are shown as text (\\x1b), because the"
          + " output may come from hostile code. With -t, the terminal is the command's and nothing"
          + " is changed; --raw leaves all output as it is."
    })
final class ExecCommand implements Callable<Integer> {
  /** The exit code of a program that SIGPIPE ended. */
  private static final int PIPE = ExitCode.ofSignal(13);

  /** The exit codes of programs that do not exist: of this program, and of shells. */
  private static final Set<Integer> NOT_FOUND = Set.of(ExitCode.NOT_RUN, 126, 127);

  private static final TerminalSize USUAL = new TerminalSize(80, 24);

  private final CommandContext context;

  @Parameters(
      index = "0",
      paramLabel = "USER",
      description = "The user's id, a UUID in lower case.")
  @SuppressWarnings("NullAway.Init") // picocli sets it or fails
  private UserId user;

  @Parameters(
      index = "1..*",
      arity = "1..*",
      paramLabel = "COMMAND",
      description = "The program and its arguments. '--' may stand before it.")
  private List<String> words = new ArrayList<>();

  @Option(
      names = {"-i", "--interactive"},
      description = "Pass standard input on. Without it, the command reads nothing.")
  private boolean interactive;

  @Option(
      names = {"-t", "--tty"},
      description = "Give the command a terminal; -it to work on it.")
  private boolean tty;

  @Option(
      names = {"-d", "--detach"},
      description = "Only publish, and print the exec's id. 'watch' shows the command's end.")
  private boolean detach;

  @Option(names = "--raw", description = "Leave control characters in the output.")
  private boolean raw;

  @Option(
      names = "--json",
      description = "Print how the command ended, with its output, as JSON when it has ended.")
  private boolean json;

  @Mixin private ExecOptions options = new ExecOptions();

  ExecCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws CommandException, InterruptedException {
    StandardStreams streams = context.streams();
    List<String> command = command();
    refuseContradictions(streams);
    TerminalSize size = tty ? ControllingTerminal.size() : null;
    Exec exec =
        options.exec(
            user,
            command,
            interactive,
            !json && !detach,
            tty && size == null ? USUAL : size,
            context.console().env());
    try (KafkaLog kafka = context.log()) {
      if (detach) {
        // a later failure leaves open whether the exec was published
        kafka.requireTopic(Topic.EXEC);
        try {
          var _ = kafka.publish(exec);
        } catch (CommandException e) {
          throw unacknowledged(e, exec);
        }
        context.console().out().println(json ? JsonText.of(exec) : exec.eventId());
        return ExitCode.OK;
      }
      try (CommandLog log = new KafkaCommandLog(kafka, user, Topic.OUTPUT, Topic.EXITED)) {
        return run(log, exec, streams);
      }
    }
  }

  private List<String> command() throws CommandException {
    if (words.getFirst().equals("--")) {
      if (words.size() == 1) {
        throw new CommandException(ExitCode.USAGE, "there is no command after '--'", null);
      }
      return words.subList(1, words.size());
    }
    if (words.getFirst().startsWith("-")) {
      throw new CommandException(
          ExitCode.USAGE,
          "options come before USER; write '--' before a program that is named "
              + EventText.plain(words.getFirst()),
          null);
    }
    return words;
  }

  private void refuseContradictions(StandardStreams streams) throws CommandException {
    String problem = null;
    if (json && tty) {
      problem = "--json prints the output at the end, and -t is for somebody who sees it now";
    } else if (detach && (tty || interactive)) {
      problem = "-d reads and shows nothing, so it can't be combined with -i or -t";
    } else if (tty && interactive && !streams.isInTerminal()) {
      problem = "standard input is not a terminal; leave out -t";
    }
    if (problem != null) {
      throw new CommandException(ExitCode.USAGE, problem, null);
    }
  }

  int run(CommandLog log, Exec exec, StandardStreams streams)
      throws CommandException, InterruptedException {
    Console console = context.console();
    OutputStream out = shown(streams.out(), streams.isOutTerminal());
    OutputStream err = shown(streams.err(), streams.isErrTerminal());
    WaitingLine waiting =
        new WaitingLine(
            console.err(),
            streams.isErrTerminal(),
            "waiting for the command's first output"
                + (tty && interactive ? "; Ctrl-C twice leaves" : ""));
    ExecSession session =
        new ExecSession(log, exec, options.patience(exec), new OutputSequence(out, err), waiting);
    CommandInput input = new CommandInput(log, user, exec.eventId());
    ExecResult ending;
    try (ControllingTerminal _ = tty && interactive ? rawTerminal() : null) {
      try {
        session.publish();
      } catch (CommandException e) {
        throw unacknowledged(e, exec);
      }
      try {
        ending = followed(session, input, exec, streams.in(), List.of(out, err));
      } catch (CommandException e) {
        throw mayRun(e, exec);
      }
    }
    return report(ending, exec);
  }

  private ExecResult followed(
      ExecSession session,
      CommandInput input,
      Exec exec,
      InputStream in,
      List<OutputStream> outputs)
      throws CommandException, InterruptedException {
    try (ExecForwarding forwarding = new ExecForwarding(input, session)) {
      forwarding.forwardSignals();
      if (exec.terminal() != null) {
        forwarding.forwardSize(exec.terminal(), ControllingTerminal::size);
      }
      if (interactive && tty) {
        forwarding.forwardKeys(in);
      } else if (interactive) {
        forwarding.forwardInput(in);
      }
      ExecResult ending = session.follow();
      for (OutputStream output : outputs) {
        end(output);
      }
      return ending;
    } catch (IOException e) {
      input.send(new Input.Content.Signal(CommandSignal.HUP));
      return new ExecResult.Left(
          PIPE, "the output can't be written (" + e.getMessage() + "); the command was sent HUP");
    }
  }

  /**
   * Converts a failed publish: after a retryable fault, Kafka may have the exec; after any other
   * failure it does not.
   */
  private static CommandException unacknowledged(CommandException e, Exec exec) {
    return e.exitCode() == ExitCode.UNAVAILABLE && e.getCause() != null ? mayRun(e, exec) : e;
  }

  private static CommandException mayRun(CommandException e, Exec exec) {
    return new CommandException(
        ExitCode.UNKNOWN_END,
        e.getMessage()
            + "; the command "
            + exec.eventId()
            + " may run, 'watch --user "
            + exec.userId()
            + "' shows its end",
        e);
  }

  private int report(ExecResult ending, Exec exec) {
    Console console = context.console();
    if (json && ending instanceof ExecResult.Answered answered) {
      console.out().println(JsonText.of(answered.exited()));
    } else if (ending.message() != null) {
      console.err().println(ending.message());
    }
    if (NOT_FOUND.contains(ending.exitCode()) && isLikeAScript(exec)) {
      console.err().println("to run a script, with blanks and operators such as &&, add --shell");
    }
    return ending.exitCode();
  }

  /** Whether the name of the program is rather a script that a shell was meant to run. */
  private static boolean isLikeAScript(Exec exec) {
    return exec.program() instanceof Exec.Program.Command(List<String> words)
        && words.size() == 1
        && words.getFirst().contains(" ");
  }

  /** Makes output visible if it goes to a terminal, which must not act on what a sandbox writes. */
  private OutputStream shown(OutputStream to, boolean isTerminal) {
    return isTerminal && !tty && !raw ? new VisibleOutput(to) : to;
  }

  private static void end(OutputStream output) throws IOException {
    if (output instanceof VisibleOutput visible) {
      visible.end();
    }
  }

  private static ControllingTerminal rawTerminal() throws CommandException {
    try {
      return ControllingTerminal.raw();
    } catch (IOException e) {
      throw new CommandException(
          ExitCode.USAGE, "the terminal can't be used: " + e.getMessage() + "; leave out -t", e);
    }
  }
}
