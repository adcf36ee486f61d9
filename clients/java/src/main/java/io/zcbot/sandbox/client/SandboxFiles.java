/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.List;
import java.util.UUID;

/**
 * Access to the files in a user's sandbox by commands that run there, which make the sandbox if
 * there is none. Relative paths are below {@code /workspace}. Paths are passed as arguments, and
 * never interpreted as options or as a shell's code. The content of answers is untrusted. Safe for
 * concurrent use.
 *
 * <p>In addition to {@link SandboxFileException}, methods throw {@link InvalidRequestException} for
 * a path that is empty or contains a NUL, and the exceptions of {@link Sandbox#run(Command)}.
 */
public final class SandboxFiles {
  /** Bytes that are copied by one command. */
  static final int PIECE = 4 << 20;

  private static final String WRITE = "write";

  private static final int MAX_MESSAGE = 4096;
  private static final int MAX_IN_MEMORY = 64 << 20;

  /** Time for the start, and for the run, of the command that removes a temporary file. */
  private static final Duration REMOVAL = Duration.ofSeconds(5);

  /** How often a piece is copied at most, if the sandbox or its worker ends meanwhile. */
  private static final int ATTEMPTS = 3;

  private static final String MODE = "644";
  private static final String EXECUTABLE_MODE = "755";

  private final Sandbox sandbox;
  private final boolean ensure;

  SandboxFiles(Sandbox sandbox) {
    this(sandbox, true);
  }

  private SandboxFiles(Sandbox sandbox, boolean ensure) {
    this.sandbox = sandbox;
    this.ensure = ensure;
  }

  /**
   * Returns access to the same files that makes no sandbox. If there is none, methods throw {@link
   * CommandNotStartedException}, as with {@link Command#onlyInExistingSandbox}.
   */
  public SandboxFiles onlyInExistingSandbox() {
    return new SandboxFiles(sandbox, false);
  }

  /**
   * Opens a file of any length, which is read piece by piece. If the file changes while it is read,
   * the content can be a mixture of its states. The stream is for one thread at a time.
   *
   * <p>A read that fails throws {@link IOException} with a {@link SandboxException} as its cause: a
   * {@link SandboxFileException} if the file cannot be read, or is a FIFO, a socket or a device.
   */
  public InputStream read(String path) {
    String absolute = absolute(path);
    return new SandboxFileStream(from -> piece(path, absolute, from));
  }

  /**
   * Reads a file of at most 64 MiB into memory.
   *
   * @throws SandboxFileException if the file cannot be read, or is longer
   */
  public byte[] readAllBytes(String path) throws InterruptedException {
    return readAllBytes(path, MAX_IN_MEMORY);
  }

  /**
   * Reads a file into memory.
   *
   * @param maxBytes the largest allowed length; required because the sandbox decides how long the
   *     file is
   * @throws SandboxFileException if the file cannot be read, or is longer
   * @throws InvalidRequestException if {@code maxBytes} is negative
   */
  public byte[] readAllBytes(String path, int maxBytes) throws InterruptedException {
    if (maxBytes < 0) {
      throw new InvalidRequestException(
          "maxBytes", "maxBytes: is " + maxBytes + "; it must be 0 or more");
    }
    try (InputStream stream = read(path)) {
      return content(path, stream, maxBytes);
    } catch (IOException e) {
      if (e.getCause() instanceof SandboxException cause) {
        throw cause;
      }
      if (Thread.interrupted()) {
        throw new InterruptedException();
      }
      throw new SandboxFileException(path, String.valueOf(e.getMessage()));
    }
  }

  static byte[] content(String path, InputStream stream, int maxBytes) throws IOException {
    byte[] content = stream.readNBytes(maxBytes);
    if (stream.read() >= 0) {
      throw new SandboxFileException(
          path,
          "could not read '"
              + FileFailure.printable(path)
              + "': it is longer than "
              + maxBytes
              + " bytes; read it as a stream, with SandboxFiles.read, or give readAllBytes a higher"
              + " bound");
    }
    return content;
  }

  private byte[] piece(String path, String absolute, long from) throws InterruptedException {
    Command read = FileCommands.read(absolute, from, PIECE).maxOutput(PIECE + MAX_MESSAGE);
    return run("read", path, read).stdoutBytes();
  }

  /**
   * Writes a file with mode 644. Other programs see the old file until the new one is complete.
   * Missing directories are created.
   *
   * @throws SandboxFileException if the file cannot be written
   */
  public void write(String path, byte[] content) throws InterruptedException {
    try {
      write(path, new ByteArrayInputStream(content));
    } catch (IOException e) {
      throw new AssertionError(e); // reading from memory does not fail
    }
  }

  /**
   * Writes a file from a stream of any length, as {@link #write(String, byte[])} does. If that
   * fails or is interrupted, and the sandbox has ended or does not answer soon, what was written
   * stays in the directory, in a file whose name begins with {@code .zcbot-write-}.
   *
   * @param content read to its end, and not closed
   * @throws IOException if the content cannot be read; the file is not changed then
   * @throws SandboxFileException if the file cannot be written, or if what was written of it went
   *     with its sandbox, as in {@code /tmp}; write it again then
   */
  public void write(String path, InputStream content) throws IOException, InterruptedException {
    write(path, content, MODE);
  }

  /** Writes a file with mode 755, otherwise as {@link #write(String, InputStream)} does. */
  public void writeExecutable(String path, InputStream content)
      throws IOException, InterruptedException {
    write(path, content, EXECUTABLE_MODE);
  }

  private void write(String path, InputStream content, String mode)
      throws IOException, InterruptedException {
    String target = absolute(path);
    String temporary =
        target.substring(0, target.lastIndexOf('/') + 1) + ".zcbot-write-" + UUID.randomUUID();
    byte[] piece = content.readNBytes(PIECE);
    boolean isShort = piece.length <= CommandInput.MAX_BYTES;
    try {
      if (isShort) {
        run(
            WRITE,
            path,
            FileCommands.writeAndComplete(temporary, target, piece.length, mode).stdin(piece));
        return;
      }
      long sent = 0;
      while (piece.length > 0) {
        run(WRITE, path, FileCommands.write(temporary, sent).stdinUncopied(piece));
        sent += piece.length;
        piece = content.readNBytes(PIECE);
      }
      run(WRITE, path, FileCommands.complete(temporary, target, sent, mode));
    } catch (InterruptedException e) {
      sandbox.tryInBackground(removal(temporary));
      throw e;
    } catch (IOException | RuntimeException | Error e) {
      if (isShort) { // only a command that was killed has left something
        sandbox.tryInBackground(removal(temporary));
      } else {
        removeAfter(e, temporary);
      }
      throw e;
    }
  }

  private static Command removal(String temporary) {
    return FileCommands.discard(temporary)
        .onlyInExistingSandbox()
        .startWithin(REMOVAL)
        .timeout(REMOVAL);
  }

  /**
   * Removes a temporary file, so that it takes no room when the caller gets the exception. A second
   * failure is suppressed by it.
   */
  private void removeAfter(Throwable failure, String temporary) {
    Command removal = removal(temporary);
    try {
      CommandResult unused = sandbox.run(removal);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      sandbox.tryInBackground(removal);
      failure.addSuppressed(e);
    } catch (SandboxException e) {
      failure.addSuppressed(e);
    }
  }

  /**
   * Lists a directory, in no particular order.
   *
   * @throws SandboxFileException if the directory cannot be read, has more than 100,000 entries, or
   *     its list is longer than 16 MiB
   */
  public List<FileEntry> list(String path) throws InterruptedException {
    CommandResult result =
        run("list", path, FileCommands.list(absolute(path)).maxOutput(Command.MAX_OUTPUT));
    if (result.isTruncated()) {
      throw Listing.tooLong(path);
    }
    return Listing.parse(path, result.stdoutBytes());
  }

  /**
   * Removes a file, or a directory with all its content. Does nothing if there is none.
   *
   * @throws SandboxFileException if it cannot be removed
   */
  public void remove(String path) throws InterruptedException {
    run("remove", path, FileCommands.remove(absolute(path)));
  }

  /**
   * Creates a command from a script of bash that does something else with files, for {@link #run}.
   * In the script, {@code try PROGRAM ARGUMENT...} runs a program and, if that fails, ends the
   * script with the reason; {@code end 1 MESSAGE} ends it with another one. Do not insert untrusted
   * text into the script: the arguments are its {@code $1}, {@code $2} and so on.
   */
  public static Command script(String script, String... arguments) {
    return FileCommands.script(script, arguments);
  }

  /**
   * Runs a command that does something else with a file or a directory. It may be run again after
   * its end was lost, unless its standard input is a stream.
   *
   * @param action what it does, such as {@code pack}, for the message of an exception
   * @param path what it does that with, for the same message
   * @throws SandboxFileException if its exit code is not 0
   */
  public CommandResult run(String action, String path, Command command)
      throws InterruptedException {
    Command wanted = ensure ? command : command.onlyInExistingSandbox();
    CommandResult result = null;
    CommandLostException lost = null;
    for (int attempt = 1; result == null; attempt++) {
      try {
        result = sandbox.run(wanted);
      } catch (CommandLostException e) {
        if (attempt == sandbox.attempts(ATTEMPTS) || !wanted.isRepeatable()) {
          throw e;
        }
        lost = e;
      } catch (CommandNotStartedException e) {
        if (lost == null) {
          throw e;
        }
        lost.addSuppressed(e);
        throw lost; // an earlier attempt may have run
      }
    }
    if (!result.isOk()) {
      throw FileFailure.of(action, path, result);
    }
    return result;
  }

  private static String absolute(String path) {
    if (path.isEmpty() || path.indexOf('\0') >= 0) {
      throw new InvalidRequestException(
          "path", "path: " + (path.isEmpty() ? "is empty" : "has a NUL") + "; name a file");
    }
    return path.startsWith("/") ? path : "/workspace/" + path;
  }
}
