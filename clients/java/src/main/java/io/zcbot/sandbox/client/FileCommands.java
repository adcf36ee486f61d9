/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

/**
 * The commands that access files. Paths are arguments, and never interpreted as options or as a
 * shell's code.
 */
final class FileCommands {
  /**
   * Runs programs and ends with the exit code for the reason of a failure ({@link FileFailure}).
   * Programs tell the reason only as the words of {@code strerror}, at the end of their last line;
   * in the locale C these are the same everywhere. They come behind the path, so no file's name is
   * taken for a reason. In a sandbox of an image that may lack these programs, they are in a
   * directory of the worker's.
   */
  private static final String PRELUDE =
      """
      PATH=/usr/local/lib/zcbot/bin:$PATH
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
          mkdir:'File exists') end 46 "$said" ;;
          *:'No such file or directory') end 41 "$said" ;;
          *:'File exists') end 42 "$said" ;;
          *:'Permission denied' | *:'Operation not permitted' | *:'Read-only file system' | \
            *:'Device or resource busy') end 43 "$said" ;;
          *:'No space left on device' | *:'Disk quota exceeded') end 44 "$said" ;;
          *:'Is a directory') end 45 "$said" ;;
          *:'Not a directory') end 46 "$said" ;;
        esac
        end 1 "${said:-$1 ended with $code}"
      }
      """;

  /** Opening a FIFO would wait for a writer, and reading a device might never end. */
  static final String READ =
      PRELUDE
          + """
          [ ! -d "$1" ] || end 45 'is a directory'
          if [ -e "$1" ] && [ ! -f "$1" ]; then
            end 1 'is not a regular file, but a FIFO, a socket or a device'
          fi
          try dd if="$1" bs=64K iflag=skip_bytes,count_bytes,fullblock \
            skip="$2" count="$3" status=none
          """;

  /**
   * Without the first check, {@code dd} would put zeros in the place of the earlier pieces if they
   * went with their sandbox. A piece that is written twice finds itself there.
   */
  static final String WRITE =
      PRELUDE
          + """
          if [ "$(stat -c %s -- "$1" 2>/dev/null || echo 0)" -lt "$2" ]; then
            end 1 'the sandbox ended while the file was written; write it again'
          fi
          try mkdir -p -- "${1%/*}/"
          try dd of="$1" bs=64K iflag=fullblock oflag=seek_bytes seek="$2" conv=notrunc status=none
          """;

  /**
   * Does nothing if an earlier run has renamed the file and its answer was lost. So nothing but
   * renaming may remove the temporary file. A symbolic link stays, and what it leads to is
   * replaced.
   */
  private static final String RENAME =
      """
      if [ -L "$2" ]; then
        real=$(readlink -nf -- "$2" && echo /)
        set -- "$1" "${real%/}" "${@:3}"
      fi
      if [ ! -e "$1" ] && [ "$(stat -c %s -- "$2" 2>/dev/null)" = "$3" ]; then exit 0; fi
      [ "$(stat -c %s -- "$1" 2>/dev/null)" = "$3" ] || end 1 'not all of it arrived'
      [ ! -d "$2" ] || end 45 'is a directory'
      try chmod "${4:-644}" -- "$1"
      try mv -fT -- "$1" "$2"
      """;

  static final String COMPLETE = PRELUDE + RENAME;

  static final String WRITE_AND_COMPLETE =
      PRELUDE
          + """
          temporary=$1
          trap 'rm -f -- "$temporary"' EXIT
          [ ! -d "$2" ] || end 45 'is a directory'
          try mkdir -p -- "${1%/*}/"
          try dd of="$1" bs=64K status=none
          """
          + RENAME;

  /** Other commands may remove entries meanwhile. */
  static final String LIST =
      PRELUDE
          + """
          ! command -v zcbot-list >/dev/null || { try zcbot-list "$1/." "$2"; exit; }
          try find "$1/." -ignore_readdir_race -mindepth 1 -maxdepth 1 -printf "$2"
          """;

  private static final String REMOVE = PRELUDE + "try rm -rf -- \"$1\"\n";

  private static final String FORMAT = "%y\\0%s\\0%T@\\0%f\\0";

  private FileCommands() {}

  static Command read(String path, long from, int count) {
    return command(READ, path, Long.toString(from), Integer.toString(count));
  }

  /** Writes standard input to its place in a temporary file. */
  static Command write(String temporary, long from) {
    return command(WRITE, temporary, Long.toString(from));
  }

  /** Renames a temporary file that has the given size. */
  static Command complete(String temporary, String target, long size, String mode) {
    return command(COMPLETE, temporary, target, Long.toString(size), mode);
  }

  /** Writes all of a file from standard input. */
  static Command writeAndComplete(String temporary, String target, long size, String mode) {
    return command(WRITE_AND_COMPLETE, temporary, target, Long.toString(size), mode);
  }

  /** Lists a directory as {@link Listing} reads it. */
  static Command list(String directory) {
    return command(LIST, directory, FORMAT);
  }

  /** Removes a temporary file, if it is there. */
  static Command discard(String temporary) {
    return Command.of("rm", "-rf", "--", temporary);
  }

  static Command remove(String path) {
    return command(REMOVE, path);
  }

  /** Creates a command from a script that begins with the functions {@code end} and {@code try}. */
  static Command script(String script, String... arguments) {
    return command(PRELUDE + script, arguments);
  }

  private static Command command(String script, String... arguments) {
    String[] all = new String[4 + arguments.length];
    all[0] = "bash";
    all[1] = "-c";
    all[2] = script;
    all[3] = "zcbot-files";
    System.arraycopy(arguments, 0, all, 4, arguments.length);
    return Command.of(all);
  }
}
