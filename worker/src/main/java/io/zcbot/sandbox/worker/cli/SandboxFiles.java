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
        if [ $code = 124 ]; then echo "$1: it takes too long to pack" >&2; fi
        [ $code -le 1 ]
      )
      if [ -d "$1" ]; then
        for place in /tmp /workspace; do
          most=$2
          if [ "$place" = /tmp ] && [ "$most" -gt 32768 ]; then most=32768; fi
          left=$(($3 - SECONDS))
          if [ "$left" -le 0 ]; then echo "$1: it takes too long to pack" >&2; exit 1; fi
          archive=$(mktemp -p "$place" .sandbox-cp.XXXXXX) || continue
          if pack "$1" "$most" "$left"; then
            printf 'directory %s %s' "$(stat -c %s -- "$archive")" "$archive"
            exit 0
          fi
          size=$(stat -c %s -- "$archive")
          rm -f -- "$archive"
          if [ "$most" = "$2" ] && [ "$size" -ge $((most * 1024)) ]; then
            echo "$1: an archive of it has more than $most KiB; --max-size sets another limit" >&2
            exit 1
          fi
        done
        exit 1
      fi
      if [ -f "$1" ]; then
        kind=file
        [ ! -x "$1" ] || kind=program
        printf '%s %s %s' "$kind" "$(stat -Lc %s -- "$1")" "$1"
      else
        echo "$1: no such file or directory" >&2
        exit 1
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
      if [ "$3" = file ] && [ -d "$target" ]; then echo "$target: is a directory" >&2; exit 1; fi
      if [ "$3" = directory ] && [ -e "$target" ]; then echo "$target: exists" >&2; exit 1; fi
      temporary=$(mktemp -p "$(dirname -- "$target")" .sandbox-cp.XXXXXX) || exit 1
      printf '%s\\0%s' "$temporary" "$target"
      """;

  private static final String COMPLETE =
      """
      trap 'rm -rf -- "$1" ${unpacked:+"$unpacked"}' EXIT
      if [ "$(stat -c %s -- "$1")" != "$3" ]; then echo "$2: not all of it arrived" >&2; exit 1; fi
      """;

  private static final String END_FILE =
      COMPLETE
          + """
          chmod -- "$4" "$1" && mv -fT -- "$1" "$2"
          """;

  private static final String END_DIRECTORY =
      COMPLETE
          + """
          unpacked=$(mktemp -d -p "$(dirname -- "$2")" .sandbox-cp.XXXXXX) || exit 1
          tar -xf "$1" -C "$unpacked" && chmod 755 "$unpacked" && mv -T -- "$unpacked" "$2"
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
    return commands.run(
        List.of(
            "dd",
            "if=" + path,
            "bs=64K",
            "iflag=skip_bytes,count_bytes,fullblock",
            "skip=" + from,
            "count=" + PIECE,
            "status=none"),
        NOTHING,
        PIECE,
        SHORT);
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
    String answer = script(BEGIN, SHORT, path, name, isDirectory ? "directory" : "file");
    int end = answer.indexOf('\0');
    if (end <= 0) {
      throw nonsense(answer, null);
    }
    return new Begun(answer.substring(0, end), answer.substring(end + 1));
  }

  void write(Begun begun, long at, byte[] piece) throws CommandException, InterruptedException {
    var _ =
        commands.run(
            List.of(
                "dd",
                "of=" + begun.temporary,
                "bs=64K",
                "iflag=fullblock",
                "oflag=seek_bytes",
                "seek=" + at,
                "conv=notrunc",
                "status=none"),
            piece,
            MAX_ANSWER,
            SHORT);
  }

  /** Checks the size and renames the temporary file to its target. */
  void endFile(Begun begun, long size, boolean isExecutable)
      throws CommandException, InterruptedException {
    var _ =
        script(
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
    var _ = script(END_DIRECTORY, LONG, begun.temporary, begun.target, Long.toString(size));
  }

  private String script(String script, Duration timeout, String... arguments)
      throws CommandException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("bash", "-c", script, "sandbox-cp"));
    command.addAll(List.of(arguments));
    return new String(commands.run(command, NOTHING, MAX_ANSWER, timeout), StandardCharsets.UTF_8);
  }

  private static CommandException nonsense(String answer, @Nullable Throwable cause) {
    String shown = answer.length() > 100 ? answer.substring(0, 100) : answer;
    return new CommandException(
        ExitCode.FAILED,
        "the sandbox's answer makes no sense: '" + EventText.plain(shown) + "'",
        cause);
  }
}
