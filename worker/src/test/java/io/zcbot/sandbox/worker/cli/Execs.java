/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** Commands that are to run. */
final class Execs {
  private Execs() {}

  static Exec of(UserId user, String... command) {
    return of(user, false, command);
  }

  static Exec of(UserId user, boolean inputFollows, String... command) {
    Instant now = Instant.now().truncatedTo(ChronoUnit.MILLIS);
    return new Exec(
        UUID.randomUUID().toString(),
        user,
        now,
        "test",
        now.plusSeconds(60),
        new Exec.Program.Command(List.of(command)),
        Data.EMPTY,
        inputFollows,
        Map.of(),
        null,
        Duration.ofSeconds(60),
        null,
        true,
        null,
        true);
  }
}
