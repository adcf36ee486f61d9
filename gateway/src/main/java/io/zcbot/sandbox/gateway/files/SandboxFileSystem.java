/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.files;

import io.zcbot.sandbox.client.Command;
import io.zcbot.sandbox.client.CommandLostException;
import io.zcbot.sandbox.client.CommandResult;
import io.zcbot.sandbox.client.InvalidRequestException;
import io.zcbot.sandbox.client.Sandbox;
import io.zcbot.sandbox.client.SandboxException;
import io.zcbot.sandbox.client.SandboxFileException;
import io.zcbot.sandbox.client.SandboxFiles;
import io.zcbot.sandbox.gateway.files.SandboxFileSystemException.Kind;
import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/**
 * The files in a sandbox, as E2B's programs see them. Paths are absolute, relative to the home, or
 * begin with {@code ~/}; those in answers are absolute. Creating an instance is cheap, and nothing
 * is kept between calls. Safe for concurrent use.
 *
 * <p>Each operation is one command in the sandbox, or as many as its method says. It makes no
 * sandbox. In addition to {@link SandboxFileSystemException}, methods throw the exceptions of
 * {@link Sandbox#run(Command)}, such as {@link io.zcbot.sandbox.client.CommandNotStartedException}
 * if the sandbox is gone. Those that change files are not repeated if it is unknown whether they
 * were executed ({@link CommandLostException}).
 */
public final class SandboxFileSystem {
  /** How many entries of a directory are listed at most. */
  public static final int MOST_ENTRIES = 100_000;

  /** The longest list of a directory, in bytes. */
  private static final int LONGEST_LIST = Command.MAX_OUTPUT - (64 << 10);

  /** A result up to this length comes with the command's end, which is faster than as a stream. */
  private static final int SHORT = 250 << 10;

  /** How long a result of {@link #SHORT} and a message may be together. */
  private static final int SHORT_OUTPUT = 256 << 10;

  /** Room for a message, or for what comes before a file's content. */
  private static final int MESSAGE = 8 << 10;

  /** How much a watch reports: as much output as a command may have. */
  private static final int LONGEST_WATCH = Command.MAX_OUTPUT;

  /** How much of a watcher's events is kept until they are fetched. */
  private static final int LONGEST_WATCHER = 2 << 20;

  private static final Pattern WATCHER = Pattern.compile("[0-9a-f-]{36}");

  /** How many bytes of a file are in memory at most when it was opened and not read yet. */
  public static final int OPENED = SHORT - MESSAGE;

  /** How many bytes are in memory at most while a file is written. */
  public static final int MOST_HELD = 8 << 20;

  private static final Duration QUICK = Duration.ofSeconds(60);

  /** Time for what takes as long as a tree of files is large. */
  private static final Duration LONG = Duration.ofMinutes(10);

  private static final int ATTEMPTS = 3;

  private final Sandbox sandbox;
  private final SandboxFiles files;
  private final Paths paths;

  /** Creates access to the files of a sandbox whose home is {@code /home/user}, as E2B's is. */
  public SandboxFileSystem(Sandbox sandbox) {
    this(sandbox, "/home/user");
  }

  /**
   * Creates access to the files of a sandbox.
   *
   * @param home where relative paths begin, an absolute path
   */
  public SandboxFileSystem(Sandbox sandbox, String home) {
    this.sandbox = sandbox;
    this.files = sandbox.files().onlyInExistingSandbox();
    this.paths = new Paths(home);
  }

  /** Returns the absolute form of a path. No command. */
  public String resolve(String path) {
    return paths.resolve(path);
  }

  /** Describes a file; a symbolic link is not followed. */
  public FileInfo stat(String path) throws InterruptedException {
    String absolute = resolve(path);
    return info(absolute, repeated(command(Program.INFO, absolute)));
  }

  /** Returns whether there is a file, even if it is a symbolic link that leads nowhere. */
  public boolean exists(String path) throws InterruptedException {
    try {
      var _ = stat(path);
      return true;
    } catch (SandboxFileSystemException e) {
      if (e.kind() == Kind.NOT_FOUND) {
        return false;
      }
      throw e;
    }
  }

  /**
   * Lists a directory by name; what is in a directory comes after it. Symbolic links below are not
   * followed. Of a directory below that may not be read, only it itself is listed. One command, and
   * another one if the list is longer than 250 KiB.
   *
   * @param depth how many levels; 0 is the same as 1
   * @throws SandboxFileSystemException {@code TOO_LARGE} if there are more than {@link
   *     #MOST_ENTRIES} entries, or their list is longer than some 16 MiB
   */
  public List<FileInfo> list(String path, long depth) throws InterruptedException {
    String absolute = resolve(path);
    CommandResult result;
    try {
      result = list(absolute, depth, SHORT, SHORT_OUTPUT);
    } catch (SandboxFileSystemException e) {
      if (e.kind() != Kind.TOO_LARGE) {
        throw e;
      }
      result = list(absolute, depth, LONGEST_LIST, Command.MAX_OUTPUT);
    }
    List<FileInfo> found = new ArrayList<>();
    try (InputStream output = output(result)) {
      Fields fields = new Fields(output);
      while (output.available() > 0) {
        if (found.size() == MOST_ENTRIES) {
          throw SandboxFileSystemException.nonsense();
        }
        found.add(fields.info(absolute));
      }
    } catch (IOException e) {
      throw incomplete(e);
    }
    return found;
  }

  private CommandResult list(String absolute, long depth, int longest, int maxOutput)
      throws InterruptedException {
    Command command =
        command(
            Program.LIST,
            absolute,
            Long.toString(Math.max(1, depth)),
            Integer.toString(MOST_ENTRIES),
            Integer.toString(longest));
    return repeated(command.timeout(LONG).maxOutput(maxOutput));
  }

  /** Creates a directory and the missing ones above it. */
  public FileInfo makeDir(String path) throws InterruptedException {
    String absolute = resolve(path);
    return info(absolute, run(command(Program.MAKE_DIRECTORY, absolute)));
  }

  /**
   * Moves a file or a directory, and replaces a file at the destination. Missing directories above
   * the destination are created. Between file systems, such as from the home to {@code /tmp}, that
   * takes a copy.
   */
  public FileInfo move(String source, String destination) throws InterruptedException {
    String absolute = resolve(destination);
    return info(
        absolute,
        run(command(Program.MOVE, resolve(source), absolute, beside(absolute)).timeout(LONG)));
  }

  /** Removes a file, or a directory with all its content. Does nothing if there is none. */
  public void remove(String path) throws InterruptedException {
    String absolute = resolve(path);
    if (absolute.equals("/")) {
      throw new SandboxFileSystemException(
          Kind.INVALID_ARGUMENT, "path is the root directory, which can't be removed");
    }
    try {
      var _ =
          files.run(
              "remove",
              absolute,
              SandboxFiles.script("try rm -rf -- \"$1\"", absolute).timeout(LONG));
    } catch (SandboxFileException e) {
      throw SandboxFileSystemException.of(e);
    }
  }

  /**
   * Opens a file of any length. A file of up to 250 KiB takes one command, a longer one another
   * command for each further 4 MiB, of which up to two are in memory.
   */
  public FileContent read(String path) throws InterruptedException {
    return read(path, 0, Long.MAX_VALUE);
  }

  /**
   * Opens a part of a file, otherwise as {@link #read(String)} does.
   *
   * @param start where it begins; 0 or more
   * @param length its length at most; the file may end before
   */
  public FileContent read(String path, long start, long length) throws InterruptedException {
    String absolute = resolve(path);
    return FileContent.open((from, count) -> piece(absolute, from, count), start, length, OPENED);
  }

  private FileContent.Piece piece(String absolute, long from, int count)
      throws InterruptedException {
    Command command =
        command(Program.READ, absolute, Long.toString(from), Integer.toString(count))
            .maxOutput(Math.max(SHORT_OUTPUT, count + MESSAGE));
    CommandResult result = repeated(command);
    InputStream output = output(result);
    try {
      Fields fields = new Fields(output);
      return new FileContent.Piece(
          fields.text(), fields.number(0, Long.MAX_VALUE), ByteBuffer.wrap(output.readAllBytes()));
    } catch (IOException e) {
      throw incomplete(e);
    }
  }

  /**
   * Writes a file with mode 644, and replaces one that is there as soon as the new one is complete.
   * Of a symbolic link, the file that it leads to is replaced. Missing directories are created. One
   * command for up to 256 KiB; for longer content one for each 4 MiB and another one; another one
   * for metadata.
   *
   * @param content read to its end, and not closed
   * @param metadata kept in extended attributes {@code user.e2b.*}; those of a file that is
   *     replaced go with it
   * @return the absolute path
   * @throws IOException if the content cannot be read
   * @throws SandboxFileSystemException {@code INVALID_ARGUMENT} if there is metadata and the file
   *     system keeps none; nothing is written then
   */
  public String write(String path, InputStream content, Map<String, String> metadata)
      throws IOException, InterruptedException {
    String absolute = resolve(path);
    if (absolute.equals("/")) {
      throw new SandboxFileSystemException(
          Kind.INVALID_ARGUMENT, "path is a directory: " + absolute);
    }
    try {
      if (metadata.isEmpty()) {
        files.write(absolute, content);
      } else {
        writeWithMetadata(absolute, content, metadata);
      }
    } catch (SandboxFileException e) {
      throw SandboxFileSystemException.of(e);
    }
    return absolute;
  }

  /** Gives a file its metadata before its name, so that nobody sees it without. */
  private void writeWithMetadata(String absolute, InputStream content, Map<String, String> metadata)
      throws IOException, InterruptedException {
    List<String> arguments = new ArrayList<>();
    String staged = beside(absolute);
    arguments.add(staged);
    arguments.add(absolute);
    metadata.forEach(
        (key, value) -> {
          arguments.add(key);
          arguments.add(value);
        });
    files.write(staged, content);
    try {
      var _ = run(command(Program.KEEP, arguments.toArray(String[]::new)));
    } catch (SandboxFileSystemException e) {
      throw e; // the program has removed the file
    } catch (SandboxException e) {
      try {
        files.remove(staged);
      } catch (SandboxException second) {
        e.addSuppressed(second);
      }
      throw e;
    }
  }

  /**
   * Writes the contents of regular files one after the other into a file, as {@link #write} does,
   * and then removes them.
   */
  public FileInfo compose(List<String> sources, String destination) throws InterruptedException {
    if (sources.isEmpty()) {
      throw new SandboxFileSystemException(Kind.INVALID_ARGUMENT, "source_paths must not be empty");
    }
    String absolute = resolve(destination);
    List<String> arguments = new ArrayList<>(List.of(absolute, beside(absolute)));
    sources.forEach(source -> arguments.add(resolve(source)));
    Command command = command(Program.COMPOSE, arguments.toArray(String[]::new));
    return info(absolute, run(command.timeout(LONG)));
  }

  /**
   * Watches a directory, and returns as soon as the watch is set. Events are passed to the consumer
   * one at a time, in a thread of the watch. Between making a directory and its watch, files may be
   * made in it; they are reported, some of them twice. What is in a directory that was moved here
   * is not reported. Network file systems are watched as well, for changes in this sandbox.
   *
   * <p>The watch is a command of the sandbox, and takes one of those that may run there at the same
   * time. It ends, with an exception of {@link Watch#await}, after some 16 MiB of events: 80,000 to
   * 200,000 of them. They are not kept, so the length of a watch costs no memory.
   *
   * @param isRecursive whether to watch the directories below as well, and those made later
   * @param isWithEntry whether to describe the files
   * @param atMost when the watch ends; the workers' limit for commands applies, by default one hour
   */
  public Watch watch(
      String path,
      boolean isRecursive,
      boolean isWithEntry,
      Duration atMost,
      Consumer<FileEvent> consumer)
      throws InterruptedException {
    return watch(path, isRecursive, isWithEntry, LONGEST_WATCH - MESSAGE, "", atMost, consumer);
  }

  private Watch watch(
      String path,
      boolean isRecursive,
      boolean isWithEntry,
      int most,
      String keptIn,
      Duration atMost,
      Consumer<FileEvent> consumer)
      throws InterruptedException {
    String absolute = resolve(path);
    Command command =
        command(
                Program.WATCH,
                absolute,
                isRecursive ? "1" : "0",
                isWithEntry ? "1" : "0",
                Integer.toString(most),
                keptIn)
            .timeout(atMost)
            .withoutKeepingOutput()
            .maxOutput(LONGEST_WATCH);
    return Watch.start(() -> sandbox.start(command), absolute, consumer);
  }

  /**
   * Makes a watcher: a watch whose events are kept in the sandbox until they are fetched. It ends
   * if it is not fetched before there are 2 MiB of them.
   *
   * @param atMost when it ends; the workers' limit for commands applies, by default one hour
   * @return its id
   */
  public String createWatcher(
      String path, boolean isRecursive, boolean isWithEntry, Duration atMost)
      throws InterruptedException {
    String id = UUID.randomUUID().toString();
    watch(path, isRecursive, isWithEntry, LONGEST_WATCHER, keptIn(id), atMost, event -> {}).leave();
    return id;
  }

  /**
   * Fetches the events of a watcher since they were fetched last. An answer that is lost is lost
   * with its events.
   *
   * @throws SandboxFileSystemException {@code NOT_FOUND} if there is no such watcher, {@code
   *     INTERNAL} if it has ended and all its events were fetched
   */
  public List<FileEvent> watcherEvents(String watcher) throws InterruptedException {
    List<FileEvent> events = new ArrayList<>();
    try (InputStream output = output(watched(watcher, "0"))) {
      Fields fields = new Fields(output);
      String directory = fields.text();
      for (FileEvent event = fields.event(directory);
          event != null;
          event = fields.event(directory)) {
        events.add(event);
      }
    } catch (IOException e) {
      throw incomplete(e);
    }
    return events;
  }

  /**
   * Ends a watcher.
   *
   * @throws SandboxFileSystemException {@code NOT_FOUND} if there is no such watcher
   */
  public void removeWatcher(String watcher) throws InterruptedException {
    var _ = watched(watcher, "1");
  }

  private CommandResult watched(String watcher, String isLast) throws InterruptedException {
    if (!WATCHER.matcher(watcher).matches()) {
      throw new SandboxFileSystemException(Kind.NOT_FOUND, "watcher not found");
    }
    return run(
        command(Program.WATCHED, keptIn(watcher), isLast).maxOutput(LONGEST_WATCHER + MESSAGE));
  }

  private static String keptIn(String watcher) {
    return "/tmp/.zcbot-watch-" + watcher;
  }

  /** Returns the name of a file that is going to be renamed to a path. */
  private static String beside(String absolute) {
    return Paths.beside(absolute, ".zcbot-write-" + UUID.randomUUID());
  }

  private static Command command(Program program, String... arguments) {
    return Command.of(program.command(arguments)).onlyInExistingSandbox().timeout(QUICK);
  }

  /** Runs a command that changes nothing, again if it is unknown how it ended. */
  private CommandResult repeated(Command command) throws InterruptedException {
    for (int attempt = 1; ; attempt++) {
      try {
        return run(command);
      } catch (CommandLostException e) {
        if (attempt == ATTEMPTS) {
          throw e;
        }
      }
    }
  }

  private CommandResult run(Command command) throws InterruptedException {
    CommandResult result;
    try {
      result = sandbox.run(command);
    } catch (InvalidRequestException e) {
      throw new SandboxFileSystemException(
          Kind.INVALID_ARGUMENT, "the request is too large: " + e.getMessage(), e);
    }
    if (!result.isOk()) {
      throw SandboxFileSystemException.of(result);
    }
    if (result.isTruncated()) {
      throw SandboxFileSystemException.nonsense();
    }
    return result;
  }

  private static FileInfo info(String absolute, CommandResult result) {
    try (InputStream output = output(result)) {
      return new Fields(output).info(absolute);
    } catch (IOException e) {
      throw incomplete(e);
    }
  }

  private static InputStream output(CommandResult result) {
    return new ByteArrayInputStream(result.stdoutBytes());
  }

  private static SandboxFileSystemException incomplete(IOException e) {
    if (e instanceof EOFException) {
      return SandboxFileSystemException.nonsense();
    }
    throw new AssertionError(e); // reading from memory does not fail
  }
}
