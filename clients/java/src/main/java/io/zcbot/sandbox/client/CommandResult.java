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
 * How a command ended. What it wrote is hostile: do not print it on a terminal as it is.
 *
 * @param exitCode its exit code; 128 and the signal's number if a signal ended it, as in a shell
 * @param signal the number of the signal that ended it; 0 if none did
 * @param output all that it wrote to standard output
 * @param errorOutput all that it wrote to standard error
 * @param isTruncated whether output beyond {@link Command#maxOutput} was left out
 * @param survivors how many of its processes could not be killed
 * @param startedAt when it started, by the clock of its host; null if that is not known
 * @param took from its start to its end, to the millisecond
 * @param cpu processor time that it took, where that is known
 * @param site the host, the worker and the container
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
  /** Whether the exit code is 0. */
  public boolean isOk() {
    return exitCode == 0;
  }

  /** Standard output as UTF-8; what is malformed is replaced. */
  public String stdout() {
    return new String(output.toByteArray(), StandardCharsets.UTF_8);
  }

  /** Standard error as UTF-8; what is malformed is replaced. */
  public String stderr() {
    return new String(errorOutput.toByteArray(), StandardCharsets.UTF_8);
  }

  /** A copy of standard output. */
  public byte[] stdoutBytes() {
    return output.toByteArray();
  }

  /** A copy of standard error. */
  public byte[] stderrBytes() {
    return errorOutput.toByteArray();
  }
}
