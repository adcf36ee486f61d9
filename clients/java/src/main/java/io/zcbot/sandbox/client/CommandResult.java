/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Site;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * How a command ended. Its output is untrusted: do not print it on a terminal without escaping it.
 * Immutable.
 *
 * @param exitCode the command's exit code; if a signal ended it, 128 plus the signal's number, as
 *     in a shell
 * @param signal the number of the signal that ended the command; 0 if none did
 * @param output the command's standard output
 * @param errorOutput the command's standard error
 * @param isTruncated whether output beyond {@link Command#maxOutput(int)} was dropped
 * @param survivors how many of the command's processes could not be killed
 * @param startedAt when the command started, by the clock of its host; null if unknown
 * @param took time from the command's start to its end, to the millisecond
 * @param cpu processor time of the command; null if unknown
 * @param site where the command ran: host, worker and container
 */
public record CommandResult(
    int exitCode,
    int signal,
    Data output,
    Data errorOutput,
    boolean isTruncated,
    int survivors,
    @Nullable Instant startedAt,
    Duration took,
    @Nullable Duration cpu,
    Site site) {
  /** How many bytes of each output {@link #toString} shows. */
  private static final int MOST_SHOWN = 1000;

  /** Returns whether the exit code is 0. */
  public boolean isOk() {
    return exitCode == 0;
  }

  /**
   * Returns standard output decoded as UTF-8, with malformed bytes replaced. For output that may be
   * cut, use {@link #stdoutBytes}, which returns what there is.
   *
   * @throws OutputTruncatedException if output was dropped ({@link #isTruncated})
   */
  public String stdout() {
    if (isTruncated) {
      throw new OutputTruncatedException(this);
    }
    return new String(output.toByteArray(), StandardCharsets.UTF_8);
  }

  /**
   * Returns standard error decoded as UTF-8, with malformed bytes replaced, as much as there is of
   * it.
   */
  public String stderr() {
    return new String(errorOutput.toByteArray(), StandardCharsets.UTF_8);
  }

  /** Returns a copy of standard output. */
  public byte[] stdoutBytes() {
    return output.toByteArray();
  }

  /** Returns a copy of standard error. */
  public byte[] stderrBytes() {
    return errorOutput.toByteArray();
  }

  /** Returns how the command ended and the beginning of its output, with what is unsafe escaped. */
  @Override
  public String toString() {
    return "CommandResult[exitCode=%d, stdout=%s, stderr=%s%s, took=%s]"
        .formatted(
            exitCode,
            shown(output),
            shown(errorOutput),
            isTruncated ? ", output was cut off" : "",
            took);
  }

  private static String shown(Data data) {
    byte[] bytes = data.toByteArray();
    int length = Math.min(bytes.length, MOST_SHOWN);
    StringBuilder shown = new StringBuilder("\"");
    new String(bytes, 0, length, StandardCharsets.UTF_8)
        .codePoints()
        .forEach(
            c -> {
              if (c == '\n') {
                shown.append("\\n");
              } else if (c == '"' || c == '\\') {
                shown.append('\\').appendCodePoint(c);
              } else if (isUnsafe(c)) {
                shown.append("\\u{%x}".formatted(c));
              } else {
                shown.appendCodePoint(c);
              }
            });
    shown.append('"');
    if (length < bytes.length) {
      shown.append(" and ").append(bytes.length - length).append(" more bytes");
    }
    return shown.toString();
  }

  private static boolean isUnsafe(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR,
          Character.SURROGATE ->
          true;
      default -> false;
    };
  }
}
