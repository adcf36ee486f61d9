/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads and writes files in a user's sandbox by commands that run there. All answers are hostile:
 * they are bounded in size, and a path in an answer is used only in commands in the same sandbox.
 * Blocks; used by one thread.
 */
final class SandboxFiles {
  /** Bytes that one command reads or writes. */
  static final int PIECE = CommandRunner.MAX_BYTES;

  /**
   * Runs programs and ends with the exit code for the reason of a failure ({@link #reason}), as the
   * clients do. Programs tell the reason only as the words of {@code strerror}, at the end of their
   * last line; in the locale C these are the same everywhere. They come behind the path, so no
   * file's name is taken for a reason.
   */
  static final String PRELUDE =
      """
      export LC_ALL=C
      end() {
        printf '%s\\n' "$2" >&2
        exit "$1"
      }
      try() {
        local said code
        { said=$("$@" 2>&1 >&3 3>&-); } 3>&1 && return
        code=$?
        said=${said##*: }
        case $1:$said in
          *:'No such file or directory') end 41 "$said" ;;
          *:'File exists') end 42 "$said" ;;
          *:'Permission denied' | *:'Operation not permitted' | *:'Read-only file system')
            end 43 "$said" ;;
          *:'No space left on device' | *:'Disk quota exceeded') end 44 "$said" ;;
          *:'Is a directory') end 45 "$said" ;;
          *:'Not a directory') end 46 "$said" ;;
        esac
        end 1 "${said:-$1 ended with $code}"
      }
      """;

  private static final byte[] NOTHING = {};
  private static final int MAX_ANSWER = 16 * 1024;

  /** Time-out of commands whose duration depends on the disk. */
  private static final Duration LONG = Duration.ofMinutes(10);

  private static final Duration SHORT = Duration.ofSeconds(60);

  /** For packing, which ends before its command does, so that the archive is removed. */
  private static final Duration PACKING = LONG.minusSeconds(30);

  /**
   * Looks for a file or directory, and packs a directory into an archive. The archive is in /tmp,
   * which is memory, if it has at most 32 MiB, otherwise in the workspace. The directory may be in
   * use: exit code 1 of tar means that something changed while it was packed. Arguments: the path,
   * the largest archive in KiB, and how many seconds packing may take.
   */
  static final String LOOK =
      """
      archive=
      trap 'rm -f -- "$archive"; exit 1' TERM
      pack() (
        trap '' XFSZ
        ulimit -f "$2"
        if [ "$place" = /tmp ]; then exec 2> /dev/null; fi
        timeout --foreground "$3" tar --format=gnu --hard-dereference --warning=none \
          --exclude='./.sandbox-cp.*' -C "$1" -cf "$archive" .
        code=$?
        if [ $code = 124 ]; then echo "it takes too long to pack" >&2; fi
        [ $code -le 1 ]
      )
      if [ -d "$1" ]; then
        for place in /tmp /workspace; do
          most=$2
          if [ "$place" = /tmp ] && [ "$most" -gt 32768 ]; then most=32768; fi
          left=$(($3 - SECONDS))
          [ "$left" -gt 0 ] || end 1 'it takes too long to pack'
          archive=$(mktemp -p "$place" .sandbox-cp.XXXXXX) || continue
          if pack "$1" "$most" "$left"; then
            printf 'directory %s %s' "$(stat -c %s -- "$archive")" "$archive"
            exit 0
          fi
          size=$(stat -c %s -- "$archive")
          rm -f -- "$archive"
          if [ "$most" = "$2" ] && [ "$size" -ge $((most * 1024)) ]; then
            end 1 "an archive of it has more than $most KiB; --max-size sets another limit"
          fi
        done
        exit 1
      fi
      if [ -f "$1" ]; then
        kind=file
        [ ! -x "$1" ] || kind=program
        printf '%s %s %s' "$kind" "$(stat -Lc %s -- "$1")" "$1"
      elif [ -e "$1" ]; then
        end 1 'it is not a regular file, but a FIFO, a socket or a device'
      else
        try stat -L -- "$1"
        end 41 'No such file or directory'
      fi
      """;

  /**
   * Creates the temporary file to write. Ignores TERM, because without its answer nobody would know
   * which file to remove.
   */
  private static final String BEGIN =
      """
      trap '' TERM
      target=$1
      if [ -d "$target" ]; then target=${target%/}/$2; fi
      if [ "$3" = file ] && [ -d "$target" ]; then end 45 'is a directory'; fi
      if [ "$3" = directory ] && [ -e "$target" ]; then end 42 'exists'; fi
      temporary=$(try mktemp -p "$(dirname -- "$target")" .sandbox-cp.XXXXXX) || exit
      printf '%s\\0%s' "$temporary" "$target"
      """;

  private static final String COMPLETE =
      """
      temporary=$1
      trap 'rm -rf -- "$temporary" ${unpacked:+"$unpacked"}' EXIT
      [ "$(stat -c %s -- "$1")" = "$3" ] || end 1 'not all of it arrived'
      """;

  private static final String READ =
      """
      try dd if="$1" bs=64K iflag=skip_bytes,count_bytes,fullblock skip="$2" count="$3" status=none
      """;

  private static final String WRITE =
      """
      try dd of="$1" bs=64K iflag=fullblock oflag=seek_bytes seek="$2" conv=notrunc status=none
      """;

  private static final String END_FILE =
      COMPLETE
          + """
          try chmod -- "$4" "$1"
          try mv -fT -- "$1" "$2"
          """;

  private static final String END_DIRECTORY =
      COMPLETE
          + """
          unpacked=$(try mktemp -d -p "$(dirname -- "$2")" .sandbox-cp.XXXXXX) || exit
          try tar -xf "$1" -C "$unpacked"
          try chmod 755 "$unpacked"
          try mv -T -- "$unpacked" "$2"
          """;

  private final CommandRunner commands;

  SandboxFiles(CommandRunner commands) {
    this.commands = commands;
  }

  /**
   * A file or directory that was found.
   *
   * @param size in bytes, as the sandbox reports it
   * @param path the file to read: the file itself, or the archive of a directory
   */
  record Found(Kind kind, long size, String path) {
    boolean isDirectory() {
      return kind == Kind.DIRECTORY;
    }

    /** The type of what was found. */
    enum Kind {
      FILE,
      PROGRAM,
      DIRECTORY
    }
  }

  /**
   * Looks for a file or a directory; packs a directory into an archive, which the caller removes.
   *
   * @param maxSize of an archive, in bytes; one with more is not completed
   */
  Found find(String path, long maxSize) throws CommandException, InterruptedException {
    String answer =
        script(
            "read",
            path,
            LOOK,
            LONG,
            path,
            Long.toString(maxSize / 1024 + 1),
            Long.toString(PACKING.toSeconds()));
    String[] words = answer.split(" ", 3);
    try {
      return new Found(
          switch (words[0]) {
            case "file" -> Found.Kind.FILE;
            case "program" -> Found.Kind.PROGRAM;
            case "directory" -> Found.Kind.DIRECTORY;
            default -> throw new IllegalArgumentException(words[0]);
          },
          Long.parseLong(words[1]),
          words[2]);
    } catch (IllegalArgumentException | ArrayIndexOutOfBoundsException e) {
      throw nonsense(answer, e);
    }
  }

  /** Reads a piece of a file; it is shorter than {@link #PIECE} only at the end of the file. */
  byte[] read(String path, long from) throws CommandException, InterruptedException {
    List<String> command = command(READ, path, Long.toString(from), Integer.toString(PIECE));
    return run("read", path, command, NOTHING, PIECE, SHORT);
  }

  /** Removes a file, also after a stop. */
  void remove(String path) throws CommandException, InterruptedException {
    commands.cleanUp(List.of("rm", "-f", "--", path), SHORT);
  }

  /** Removes a file after a failure; a second failure is added to the first as suppressed. */
  void removeAfter(Exception failure, String path) {
    try {
      remove(path);
    } catch (CommandException e) {
      failure.addSuppressed(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      failure.addSuppressed(e);
    }
  }

  /**
   * A file that is being written.
   *
   * @param temporary the path to which the bytes are written
   * @param target the path that it gets when it is complete
   */
  record Begun(String temporary, String target) {}

  /**
   * Creates a temporary file.
   *
   * @param path the target, or an existing directory to put it into
   * @param name its name in that directory
   */
  Begun begin(String path, String name, boolean isDirectory)
      throws CommandException, InterruptedException {
    String answer =
        script("write", path, BEGIN, SHORT, path, name, isDirectory ? "directory" : "file");
    int end = answer.indexOf('\0');
    if (end <= 0) {
      throw nonsense(answer, null);
    }
    return new Begun(answer.substring(0, end), answer.substring(end + 1));
  }

  void write(Begun begun, long at, byte[] piece) throws CommandException, InterruptedException {
    List<String> command = command(WRITE, begun.temporary, Long.toString(at));
    var _ = run("write", begun.target, command, piece, MAX_ANSWER, SHORT);
  }

  /** Checks the size and renames the temporary file to its target. */
  void endFile(Begun begun, long size, boolean isExecutable)
      throws CommandException, InterruptedException {
    var _ =
        script(
            "write",
            begun.target,
            END_FILE,
            SHORT,
            begun.temporary,
            begun.target,
            Long.toString(size),
            isExecutable ? "755" : "644");
  }

  /**
   * Checks the size, unpacks the archive beside the target, and renames the directory to the
   * target.
   */
  void endDirectory(Begun begun, long size) throws CommandException, InterruptedException {
    var _ =
        script(
            "write",
            begun.target,
            END_DIRECTORY,
            LONG,
            begun.temporary,
            begun.target,
            Long.toString(size));
  }

  private String script(
      String action, String path, String script, Duration timeout, String... arguments)
      throws CommandException, InterruptedException {
    byte[] answer = run(action, path, command(script, arguments), NOTHING, MAX_ANSWER, timeout);
    return new String(answer, StandardCharsets.UTF_8);
  }

  private static List<String> command(String script, String... arguments) {
    List<String> command = new ArrayList<>(List.of("bash", "-c", PRELUDE + script, "sandbox-cp"));
    command.addAll(List.of(arguments));
    return command;
  }

  private byte[] run(
      String action, String path, List<String> command, byte[] stdin, int most, Duration timeout)
      throws CommandException, InterruptedException {
    try {
      return commands.run(command, stdin, most, timeout);
    } catch (FailedCommand e) {
      throw new CommandException(
          e.exitCode(),
          "could not " + action + " '" + EventText.plain(path) + "' in the sandbox: " + reason(e),
          e);
    }
  }

  /** Returns what went wrong and what to do, in the same words as the clients. */
  private static String reason(FailedCommand failure) {
    return switch (failure.code()) {
      case 41 ->
          "there is no such file or directory; check the path, which begins in /workspace if it is"
              + " relative";
      case 42 -> "it exists already; choose another name, or remove it first";
      case 43 ->
          "the sandbox's user is not permitted to do that there; use a path in /workspace or /tmp,"
              + " or change the permissions by a command";
      case 44 ->
          "no space is left there; remove files in the sandbox, or ask the operator for more";
      case 45 -> "it is a directory; give the path of a file";
      case 46 -> "it, or a part of it, is a file and not a directory; check the path";
      default -> failure.said();
    };
  }

  private static CommandException nonsense(String answer, @Nullable Throwable cause) {
    String shown = answer.length() > 100 ? answer.substring(0, 100) : answer;
    return new CommandException(
        ExitCode.FAILED,
        "the sandbox's answer makes no sense: '" + EventText.plain(shown) + "'",
        cause);
  }
}
