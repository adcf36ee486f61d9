/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

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
      converter = CopyPlace.Converter.class,
      description = "What to copy: PATH, USER:PATH or '-'.")
  private CopyPlace source = new CopyPlace.Standard();

  @Parameters(
      index = "1",
      paramLabel = "TARGET",
      converter = CopyPlace.Converter.class,
      description = "Where to: PATH, USER:PATH or '-'. Into it, if it is a directory.")
  private CopyPlace target = new CopyPlace.Standard();

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
        CommandLog log = new KafkaCommandLog(kafka, user, Topic.OUTPUT, Topic.EXITED)) {
      return copy(log, user);
    }
  }

  int copy(CommandLog log, UserId user) throws CommandException, InterruptedException {
    PrintWriter err = context.console().err();
    StandardStreams streams = context.streams();
    CopyProgress progress = new CopyProgress(err, streams.isErrTerminal(), System::nanoTime);
    long skipped;
    try (CommandRunner runner = new CommandRunner(log, user, ensure);
        StopSignals _ =
            new StopSignals(
                code -> {
                  err.println("stopping; a second signal leaves at once, and a file may be left");
                  runner.stop(code);
                })) {
      skipped = copy(runner, streams, progress);
    } finally {
      progress.end();
    }
    if (skipped > 0) {
      err.println(skipped + " links, devices or pipes were not copied");
      return ExitCode.FAILED;
    }
    return ExitCode.OK;
  }

  private long copy(CommandRunner runner, StandardStreams streams, CopyProgress progress)
      throws CommandException, InterruptedException {
    try {
      return copy(new SandboxFiles(runner), streams, progress);
    } catch (IOException | CommandException e) {
      if (runner.stopCode() != 0) {
        throw stopped(runner.stopCode(), e);
      }
      throw switch (e) {
        case SandboxIoException inSandbox -> inSandbox.failure();
        case CommandException failure -> failure;
        default ->
            new CommandException(
                ExitCode.FAILED, "nothing was copied: " + EventText.plain(reason(e)), e);
      };
    }
  }

  /** Returns the failure of a copy that was stopped. */
  static CommandException stopped(int exitCode, Exception failure) {
    String message = "stopped before the copy was complete";
    Throwable leftover = leftover(failure);
    if (leftover != null) {
      message += "; what was begun may be left (" + leftover.getMessage() + ")";
    }
    return new CommandException(exitCode, message, failure);
  }

  /**
   * Returns why files may be left in the sandbox; null if none are. A command without an answer may
   * still do its work.
   */
  private static @Nullable Throwable leftover(Exception failure) {
    Exception command = failure instanceof SandboxIoException e ? e.failure() : failure;
    return command instanceof CommandException e && e.exitCode() == ExitCode.TIMEOUT
        ? e
        : Arrays.stream(failure.getSuppressed()).findFirst().orElse(null);
  }

  private UserId user() throws CommandException {
    if (source instanceof CopyPlace.InSandbox from && !(target instanceof CopyPlace.InSandbox)) {
      return from.user();
    }
    if (target instanceof CopyPlace.InSandbox to && !(source instanceof CopyPlace.InSandbox)) {
      return to.user();
    }
    throw new CommandException(
        ExitCode.USAGE,
        "one of SOURCE and TARGET is in a sandbox, written USER:PATH, and the other one is not",
        null);
  }

  private long copy(SandboxFiles files, StandardStreams streams, CopyProgress progress)
      throws IOException, CommandException, InterruptedException {
    if (target instanceof CopyPlace.InSandbox to) {
      Upload upload = new Upload(files, progress, to.path());
      return switch (source) {
        case CopyPlace.Local(var path) -> upload.of(path);
        case CopyPlace.Standard _, CopyPlace.InSandbox _ ->
            upload.of(new InterruptibleInput(streams.in()));
      };
    }
    Download download = new Download(files, progress, maxSize, (CopyPlace.InSandbox) source);
    return switch (target) {
      case CopyPlace.Local(var path) -> download.to(path);
      case CopyPlace.Standard _, CopyPlace.InSandbox _ -> download.to(streams);
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
