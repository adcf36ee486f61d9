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
  /** Opening a FIFO would wait for a writer, and reading a device might never end. */
  static final String READ =
      """
      if [ -e "$1" ] && [ ! -f "$1" ] && [ ! -d "$1" ]; then
        echo "is not a regular file" >&2
        exit 1
      fi
      exec dd if="$1" bs=64K iflag=skip_bytes,count_bytes,fullblock \
        skip="$2" count="$3" status=none
      """;

  /**
   * Without the first check, {@code dd} would put zeros in the place of the earlier pieces if they
   * went with their sandbox. A piece that is written twice finds itself there.
   */
  static final String WRITE =
      """
      if [ "$(stat -c %s -- "$1" 2>/dev/null || echo 0)" -lt "$2" ]; then
        echo "the sandbox ended while the file was written; write it again" >&2
        exit 1
      fi
      mkdir -p -- "${1%/*}/" && exec dd of="$1" bs=64K iflag=fullblock oflag=seek_bytes \
        seek="$2" conv=notrunc status=none
      """;

  /**
   * Does nothing if an earlier run has renamed the file and its answer was lost. So nothing but
   * renaming may remove the temporary file.
   */
  static final String COMPLETE =
      """
      if [ ! -e "$1" ] && [ "$(stat -c %s -- "$2" 2>/dev/null)" = "$3" ]; then exit 0; fi
      if [ "$(stat -c %s -- "$1")" != "$3" ]; then echo "not all of it arrived" >&2; exit 1; fi
      chmod 644 -- "$1" && mv -fT -- "$1" "$2"
      """;

  static final String WRITE_AND_COMPLETE =
      """
      trap 'rm -f -- "$1"' EXIT
      mkdir -p -- "${1%/*}/" && cat >"$1" || exit 1
      """
          + COMPLETE;

  private static final String FORMAT = "%y\\0%s\\0%T@\\0%f\\0";

  private FileCommands() {}

  static Command read(String path, long from, int count) {
    return script(READ, path, Long.toString(from), Integer.toString(count));
  }

  /** Writes standard input to its place in a temporary file. */
  static Command write(String temporary, long from) {
    return script(WRITE, temporary, Long.toString(from));
  }

  /** Renames a temporary file that has the given size. */
  static Command complete(String temporary, String target, long size) {
    return script(COMPLETE, temporary, target, Long.toString(size));
  }

  /** Writes all of a file from standard input. */
  static Command writeAndComplete(String temporary, String target, long size) {
    return script(WRITE_AND_COMPLETE, temporary, target, Long.toString(size));
  }

  /** Lists a directory as {@link Listing} reads it. Other commands may remove entries meanwhile. */
  static Command list(String directory) {
    return Command.of(
        "find",
        directory + "/.",
        "-ignore_readdir_race",
        "-mindepth",
        "1",
        "-maxdepth",
        "1",
        "-printf",
        FORMAT);
  }

  static Command remove(String path) {
    return Command.of("rm", "-rf", "--", path);
  }

  private static Command script(String script, String... arguments) {
    String[] all = new String[4 + arguments.length];
    all[0] = "bash";
    all[1] = "-c";
    all[2] = script;
    all[3] = "zcbot-files";
    System.arraycopy(arguments, 0, all, 4, arguments.length);
    return Command.of(all);
  }
}
