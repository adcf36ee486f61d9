/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.UserId;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.UUID;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The command {@code activity}: publishes an activity event. */
@Command(
    name = "activity",
    description = "Report that a user's sandbox was used, so that it is not reaped as idle.")
final class ActivityCommand implements Callable<Integer> {
  private final CommandContext context;

  @Parameters(paramLabel = "USER", description = "The user's id, a UUID in lower case.")
  @SuppressWarnings("NullAway.Init") // picocli sets it or fails
  private UserId user;

  @Option(names = "--json", description = "Print the event as JSON.")
  private boolean json;

  ActivityCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws CommandException, InterruptedException {
    Activity activity =
        new Activity(
            UUID.randomUUID().toString(),
            user,
            Instant.now().truncatedTo(ChronoUnit.MILLIS),
            "cli");
    try (KafkaLog log = context.log()) {
      return context.publish(log, activity, json);
    }
  }
}
