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
 * @param isOutOfMemory whether a process was killed because the sandbox's memory was used up, most
 *     likely one of the command, which need not end it
 * @param memoryLimit how much memory the sandbox may use, in bytes; null unless that was used up,
 *     and if unknown
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
    Site site,
    boolean isOutOfMemory,
    @Nullable Long memoryLimit) {
  /** Returns whether the exit code is 0. */
  public boolean isOk() {
    return exitCode == 0;
  }

  /** Returns standard output decoded as UTF-8, with malformed bytes replaced. */
  public String stdout() {
    return new String(output.toByteArray(), StandardCharsets.UTF_8);
  }

  /** Returns standard error decoded as UTF-8, with malformed bytes replaced. */
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
}
