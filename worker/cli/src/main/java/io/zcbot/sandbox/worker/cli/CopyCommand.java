/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.client.CommandNotStartedException;
import io.zcbot.sandbox.client.KafkaUnreachableException;
import io.zcbot.sandbox.client.NoAnswerException;
import io.zcbot.sandbox.client.Sandbox;
import io.zcbot.sandbox.client.SandboxClient;
import io.zcbot.sandbox.client.SandboxException;
import io.zcbot.sandbox.client.SandboxFileException;
import io.zcbot.sandbox.client.SandboxFiles;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.cli.terminal.StandardStreams;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.Arrays;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * The command {@code cp}: copies files by running commands that read and write them in the sandbox.
 */
@Command(
    name = "cp",
    description = {
      "Copy a file or a directory into a user's sandbox, or out of it.",
      "One of the places is USER:PATH; a relative PATH begins in the workspace. The other one is a"
          + " path of this machine, or '-' for standard input or output. A local name with a colon"
          + " is written ./NAME.",
      "The copy appears when it is complete. A file replaces another one, a directory does not."
          + " Symbolic links, devices and pipes are left out and counted. The content passes"
          + " through the topics.",
      "Ctrl-C stops the copy and removes what is not complete; a second one ends at once and may"
          + " leave a hidden file."
    })
final class CopyCommand implements Callable<Integer> {
  private final CommandContext context;

  @Parameters(
      index = "0",
      paramLabel = "SOURCE",
      converter = CopyPath.Converter.class,
      description = "What to copy: PATH, USER:PATH or '-'.")
  private CopyPath source = new CopyPath.Standard();

  @Parameters(
      index = "1",
      paramLabel = "TARGET",
      converter = CopyPath.Converter.class,
      description = "Where to: PATH, USER:PATH or '-'. Into it, if it is a directory.")
  private CopyPath target = new CopyPath.Standard();

  @Option(
      names = "--max-size",
      paramLabel = "SIZE",
      converter = Converters.Size.class,
      description = "Copy nothing bigger than this out of a sandbox (default: 1024m).")
  private int maxSize = 1 << 30;

  @Option(
      names = "--ensure",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description = "Make the sandbox if the user has none (default), or copy nothing.")
  private boolean ensure;

  CopyCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws CommandException, InterruptedException {
    UserId user = user();
    try (KafkaLog kafka = context.log();
        SandboxClient client = kafka.client(Topic.EXEC)) {
      return copy(client.sandbox(user));
    }
  }

  int copy(Sandbox sandbox) throws CommandException, InterruptedException {
    SandboxFiles files = ensure ? sandbox.files() : sandbox.files().onlyInExistingSandbox();
    PrintWriter err = context.console().err();
    StandardStreams streams = context.streams();
    CopyProgress progress = new CopyProgress(err, streams.isErrTerminal(), System::nanoTime);
    long skipped;
    try (Stop stop = new Stop();
        StopSignals _ =
            new StopSignals(
                code -> {
                  err.println("stopping; a second signal leaves at once, and a file may be left");
                  stop.now(code);
                })) {
      skipped = copy(new CopiedSandbox(files, stop), stop, streams, progress);
    } finally {
      progress.end();
    }
    if (skipped > 0) {
      err.println(skipped + " links, devices or pipes were not copied");
      return ExitCode.FAILED;
    }
    return ExitCode.OK;
  }

  private long copy(
      CopiedSandbox sandbox, Stop stop, StandardStreams streams, CopyProgress progress)
      throws CommandException, InterruptedException {
    try {
      return copy(sandbox, streams, progress);
    } catch (InterruptedException e) {
      if (stop.code() != 0) {
        throw stopped(stop.code(), e);
      }
      throw e;
    } catch (IOException | CommandException | SandboxException e) {
      if (stop.code() != 0) {
        throw stopped(stop.code(), e);
      }
      throw e instanceof CommandException failure
          ? failure
          : failure(e, target instanceof CopyPath.InSandbox ? "write" : "read");
    }
  }

  /**
   * Converts a failure to a message for people.
   *
   * @param action what was done in the sandbox
   */
  static CommandException failure(Exception e, String action) {
    Throwable inSandbox = e.getCause() instanceof SandboxException cause ? cause : e;
    return switch (inSandbox) {
      case SandboxFileException file ->
          new CommandException(
              ExitCode.FAILED,
              "could not "
                  + action
                  + " '"
                  + EventText.plain(file.path())
                  + "' in the sandbox: "
                  + EventText.plain(file.reason()),
              e);
      case SandboxException failure ->
          new CommandException(
              exitCode(failure),
              "in the sandbox: " + EventText.plain(String.valueOf(failure.getMessage())),
              e);
      default ->
          new CommandException(
              ExitCode.FAILED, "nothing was copied: " + EventText.plain(reason(e)), e);
    };
  }

  private static int exitCode(SandboxException failure) {
    return switch (failure) {
      case NoAnswerException _ -> ExitCode.TIMEOUT;
      case KafkaUnreachableException _ -> ExitCode.UNAVAILABLE;
      case CommandNotStartedException refusal when refusal.isRetryable() -> ExitCode.RETRY;
      // the plain one: Kafka refuses to write or read
      default -> failure.getClass() == SandboxException.class ? ExitCode.CONFIG : ExitCode.FAILED;
    };
  }

  /** Returns the failure of a copy that was stopped. */
  static CommandException stopped(int exitCode, Exception failure) {
    String message = "stopped before the copy was complete";
    Throwable leftover = leftover(failure);
    if (leftover != null) {
      message +=
          "; what was begun may be left ("
              + (leftover instanceof InterruptedException
                  ? "no answer came soon"
                  : EventText.plain(String.valueOf(leftover.getMessage())))
              + ")";
    }
    return new CommandException(exitCode, message, failure);
  }

  /**
   * Returns why files may be left in the sandbox; null if none are. A command without an answer may
   * still do its work.
   */
  private static @Nullable Throwable leftover(Exception failure) {
    Throwable command = failure.getCause() instanceof SandboxException cause ? cause : failure;
    return command instanceof NoAnswerException
        ? command
        : Stream.of(failure, command)
            .flatMap(e -> Arrays.stream(e.getSuppressed()))
            .findFirst()
            .orElse(null);
  }

  private UserId user() throws CommandException {
    if (source instanceof CopyPath.InSandbox from && !(target instanceof CopyPath.InSandbox)) {
      return from.user();
    }
    if (target instanceof CopyPath.InSandbox to && !(source instanceof CopyPath.InSandbox)) {
      return to.user();
    }
    throw new CommandException(
        ExitCode.USAGE,
        "one of SOURCE and TARGET is in a sandbox, written USER:PATH, and the other one is not",
        null);
  }

  private long copy(CopiedSandbox sandbox, StandardStreams streams, CopyProgress progress)
      throws IOException, CommandException, InterruptedException {
    if (target instanceof CopyPath.InSandbox to) {
      Upload upload = new Upload(sandbox, progress, to.path());
      return switch (source) {
        case CopyPath.Local(var path) -> upload.of(path);
        case CopyPath.Standard _, CopyPath.InSandbox _ ->
            upload.of(new InterruptibleInput(streams.in()));
      };
    }
    Download download = new Download(sandbox, progress, maxSize, (CopyPath.InSandbox) source);
    return switch (target) {
      case CopyPath.Local(var path) -> download.to(path);
      case CopyPath.Standard _, CopyPath.InSandbox _ -> download.to(streams);
    };
  }

  /** Returns a failure's reason on this machine, in the same words as those in a sandbox. */
  private static String reason(Exception e) {
    return switch (e) {
      case NoSuchFileException missing ->
          quoted(missing) + "there is no such file or directory on this machine; check the path";
      case FileAlreadyExistsException there ->
          quoted(there) + "it exists already; choose another name, or remove it first";
      case AccessDeniedException denied ->
          quoted(denied) + "you are not permitted to do that there";
      case FileSystemException failure when failure.getReason() != null ->
          quoted(failure) + failure.getReason();
      default -> String.valueOf(e.getMessage());
    };
  }

  private static String quoted(FileSystemException e) {
    return e.getFile() == null ? "" : "'" + e.getFile() + "': ";
  }
}
