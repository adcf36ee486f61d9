/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.client.Command;
import io.zcbot.sandbox.client.SandboxException;
import io.zcbot.sandbox.client.SandboxFileException;
import io.zcbot.sandbox.client.SandboxFiles;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The sandbox of a copy. Its files are read and written by the client library; this adds what
 * {@code cp} needs beside: it looks what a path is, and packs and unpacks directories. All answers
 * are hostile: they are bounded in size, and a path in an answer is used only in commands in the
 * same sandbox. Blocks; used by one thread.
 */
final class CopiedSandbox {
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
   * the largest archive in KiB, how many seconds packing may take, and the archive's name.
   */
  static final String LOOK =
      """
      pack() (
        trap '' XFSZ
        ulimit -f "$2"
        if [ "$directory" = /tmp ]; then exec 2> /dev/null; fi
        if command -v zcbot-list > /dev/null; then # of busybox, which leaves its archive out
          timeout "$3" tar -C "$1" -cf "$archive" .
        else
          timeout --foreground "$3" tar --format=gnu --hard-dereference --warning=none \
            --exclude='./.sandbox-cp.*' -C "$1" -cf "$archive" .
        fi
        code=$?
        if [ $code = 124 ]; then echo "it takes too long to pack" >&2; fi
        [ $code -le 1 ]
      )
      if [ -d "$1" ]; then
        for directory in /tmp /workspace; do
          most=$2
          if [ "$directory" = /tmp ] && [ "$most" -gt 32768 ]; then most=32768; fi
          left=$(($3 - SECONDS))
          [ "$left" -gt 0 ] || end 1 'it takes too long to pack'
          archive=$directory/$4
          touch -- "$archive" || continue
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
        case $1 in /*) path=$1 ;; *) path=$PWD/$1 ;; esac
        printf '%s %s %s' "$kind" "$(stat -Lc %s -- "$1")" "$path"
      elif [ -e "$1" ]; then
        end 1 'it is not a regular file, but a FIFO, a socket or a device'
      else
        try stat -L -- "$1"
        end 41 'No such file or directory'
      fi
      """;

  /** Prints the absolute path that a file or directory gets. */
  private static final String TARGET =
      """
      target=$1
      if [ -d "$target" ]; then target=${target%/}/$2; fi
      if [ "$3" = file ] && [ -d "$target" ]; then end 45 'is a directory'; fi
      if [ "$3" = directory ] && [ -e "$target" ]; then end 42 'exists'; fi
      case $target in /*) ;; *) target=$PWD/$target ;; esac
      try stat -L -- "${target%/*}/." > /dev/null
      printf '%s' "$target"
      """;

  /** Unpacks an archive beside the target, and renames the directory to the target. */
  private static final String UNPACK =
      """
      archive=$1
      trap 'rm -rf -- "$archive" "$archive.d"' EXIT
      try mkdir -m 700 -- "$1.d"
      try tar -xf "$1" -C "$1.d"
      try chmod 755 "$1.d"
      try mv -T -- "$1.d" "$2"
      """;

  private final SandboxFiles files;
  private final Stop stop;

  /** Of one copy, of which a second process may make another at the same time. */
  private final String temporary = ".sandbox-cp." + UUID.randomUUID();

  CopiedSandbox(SandboxFiles files, Stop stop) {
    this.files = files;
    this.stop = stop;
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
   * Looks for a file or a directory; packs a directory into an archive, which the caller removes
   * with {@link #removeArchive}.
   *
   * @param maxSize of an archive, in bytes; one with more is not completed
   */
  Found find(String path, long maxSize) throws IOException, CommandException, InterruptedException {
    Command look =
        SandboxFiles.script(
            LOOK,
            path,
            Long.toString(maxSize / 1024 + 1),
            Long.toString(PACKING.toSeconds()),
            temporary);
    String answer;
    try {
      answer = answer("read", path, look.timeout(LONG));
    } catch (SandboxFileException e) {
      throw e; // the command has removed what it made
    } catch (SandboxException | InterruptedException e) {
      removeArchiveAfter(e);
      throw e;
    }
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

  InputStream read(Found found) {
    return files.read(found.path());
  }

  /** Removes the archive of a directory that was found, also after a stop. */
  void removeArchive() throws IOException, InterruptedException {
    remove("/tmp/" + temporary, "/workspace/" + temporary);
  }

  /** As {@link #removeArchive}, after a failure by which a second one is suppressed. */
  void removeArchiveAfter(Exception failure) {
    removeAfter(failure, "/tmp/" + temporary, "/workspace/" + temporary);
  }

  /**
   * Returns the absolute path that a new file or directory gets.
   *
   * @param path that path, or an existing directory to put it into
   * @param name its name in that directory
   */
  String target(String path, String name, boolean isDirectory)
      throws CommandException, InterruptedException {
    String kind = isDirectory ? "directory" : "file";
    String target = answer("write", path, SandboxFiles.script(TARGET, path, name, kind));
    if (!target.startsWith("/")) {
      throw nonsense(target, null);
    }
    return target;
  }

  void writeFile(String target, InputStream content, boolean isExecutable)
      throws IOException, InterruptedException {
    InputStream from = stop.input(content);
    stop.patiently(
        () -> {
          if (isExecutable) {
            files.writeExecutable(target, from);
          } else {
            files.write(target, from);
          }
        });
  }

  /** Writes a directory from an archive of it. */
  void writeDirectory(String target, InputStream archive) throws IOException, InterruptedException {
    String packed = target.substring(0, target.lastIndexOf('/') + 1) + temporary;
    try {
      writeFile(packed, archive, false);
      var _ = files.run("write", target, SandboxFiles.script(UNPACK, packed, target).timeout(LONG));
    } catch (SandboxFileException e) {
      throw e; // the command has removed both
    } catch (IOException | SandboxException | InterruptedException e) {
      removeAfter(e, packed, packed + ".d");
      throw e;
    }
  }

  private void remove(String one, String other) throws IOException, InterruptedException {
    Command removal = Command.of("rm", "-rf", "--", one, other).timeout(SHORT);
    stop.patiently(
        () -> {
          var _ = files.run("remove", one, removal);
        });
  }

  private void removeAfter(Exception failure, String one, String other) {
    try {
      remove(one, other);
    } catch (IOException | SandboxException e) {
      failure.addSuppressed(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      failure.addSuppressed(e);
    }
  }

  private String answer(String action, String path, Command command) throws InterruptedException {
    return files.run(action, path, command.maxOutput(MAX_ANSWER)).stdout();
  }

  private static CommandException nonsense(String answer, @Nullable Throwable cause) {
    String shown = answer.length() > 100 ? answer.substring(0, 100) : answer;
    return new CommandException(
        ExitCode.FAILED,
        "the sandbox's answer makes no sense: '" + EventText.plain(shown) + "'",
        cause);
  }
}
