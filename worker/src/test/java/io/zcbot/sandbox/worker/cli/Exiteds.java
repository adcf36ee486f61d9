/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.WorkerRef;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** Ends of commands. */
final class Exiteds {
  private Exiteds() {}

  static Exited of(
      Exec exec,
      Exited.Reason reason,
      @Nullable Integer code,
      @Nullable Integer signal,
      long outputs) {
    return of(exec, reason, code, signal, outputs, null, false);
  }

  static Exited withOutput(Exec exec, String output) {
    return of(exec, Exited.Reason.EXITED, 0, null, 0, null, false, Data.of(output));
  }

  static Exited of(
      Exec exec,
      Exited.Reason reason,
      @Nullable Integer code,
      @Nullable Integer signal,
      long outputs,
      @Nullable String message,
      boolean retryable) {
    return of(exec, reason, code, signal, outputs, message, retryable, null);
  }

  private static Exited of(
      Exec exec,
      Exited.Reason reason,
      @Nullable Integer code,
      @Nullable Integer signal,
      long outputs,
      @Nullable String message,
      boolean retryable,
      @Nullable Data output) {
    return new Exited(
        "x" + exec.eventId(),
        exec.userId(),
        exec.eventId(),
        Instant.now(),
        reason,
        code,
        signal,
        output,
        null,
        outputs,
        false,
        0,
        new WorkerRef("host", "worker"),
        null,
        1,
        null,
        message,
        retryable);
  }
}
