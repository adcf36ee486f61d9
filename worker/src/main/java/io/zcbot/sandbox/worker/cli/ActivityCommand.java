/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.UserId;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.UUID;
import org.apache.kafka.clients.producer.RecordMetadata;

/** Publishes an activity. */
final class ActivityCommand {
  private final Console console;
  private final KafkaLog log;

  ActivityCommand(Console console, KafkaLog log) {
    this.console = console;
    this.log = log;
  }

  int run(UserId user, boolean json) throws CommandException, InterruptedException {
    Activity activity =
        new Activity(
            UUID.randomUUID().toString(),
            user,
            Instant.now().truncatedTo(ChronoUnit.MILLIS),
            "cli");
    RecordMetadata at = log.publish(activity);
    console
        .out()
        .println(
            json
                ? new String(new EventCodec().encode(activity), StandardCharsets.UTF_8)
                : "published activity " + activity.eventId() + " at " + at);
    return ExitCode.OK;
  }
}
