/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Release;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.cli.terminal.StandardStreams;
import io.zcbot.sandbox.worker.config.Durations;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.UUID;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The command {@code release}: publishes a release, and optionally waits for the reaped. */
@Command(
    name = "release",
    description = {
      "Say that a user's sandbox is not needed any more, so that it is removed.",
      "Its running commands end with it. The workspace stays."
    })
final class ReleaseCommand implements Callable<Integer> {
  private static final Duration POLL = Duration.ofMillis(200);

  private final CommandContext context;

  @Parameters(paramLabel = "USER", description = "The user's id, a UUID in lower case.")
  @SuppressWarnings("NullAway.Init") // picocli sets it or fails
  private UserId user;

  @Option(
      names = "--container",
      paramLabel = "ID",
      description = "Only this container, by its full id; a newer sandbox of the user stays.")
  private @Nullable String container;

  @Option(names = "--wait", description = "Wait until the sandbox is removed.")
  private boolean wait;

  @Option(
      names = "--timeout",
      paramLabel = "DURATION",
      description =
          "How long to wait; a worker that reads the release later leaves the sandbox as it is"
              + " (default: 60s).")
  private Duration timeout = Duration.ofSeconds(60);

  @Option(names = "--json", description = "Print the event as JSON.")
  private boolean json;

  ReleaseCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws CommandException, InterruptedException {
    Instant now = Instant.now().truncatedTo(ChronoUnit.MILLIS);
    Release release =
        new Release(UUID.randomUUID().toString(), user, now, "cli", now.plus(timeout), container);
    Records.check(release, "no worker would read this release");
    try (KafkaLog kafka = context.log()) {
      if (!wait) {
        return context.publish(kafka, release, json);
      }
      try (CommandLog log = new KafkaCommandLog(kafka, user, Topic.REAPED)) {
        LiveSandbox live = LiveEntries.of(kafka, user);
        if (live == null || (container != null && !live.containerId().equals(container))) {
          return nothingToRelease();
        }
        log.publish(release);
        return await(log, release, live.containerId());
      }
    }
  }

  private int nothingToRelease() {
    context
        .console()
        .err()
        .println(
            container == null
                ? "the user has no sandbox, so nothing was released"
                : "this container is not the user's sandbox, so nothing was released");
    return ExitCode.OK;
  }

  private int await(CommandLog log, Release release, String containerId) throws CommandException {
    StandardStreams streams = context.streams();
    Console console = context.console();
    WaitingLine waiting =
        new WaitingLine(
            console.err(), streams.isErrTerminal(), "waiting until the sandbox is removed");
    long start = System.nanoTime();
    while (System.nanoTime() - start < timeout.toNanos()) {
      for (SandboxEvent event : log.poll(POLL)) {
        if (event instanceof Reaped reaped && reaped.containerId().equals(containerId)) {
          waiting.clear();
          console.out().println(json ? JsonText.of(reaped) : "reaped  " + EventText.of(reaped));
          return ExitCode.OK;
        }
      }
      waiting.tick();
    }
    waiting.clear();
    console
        .err()
        .println(
            "the sandbox was not removed within "
                + Durations.shown(timeout)
                + " after release "
                + release.eventId()
                + "; it may still be ('watch --user "
                + user
                + "' shows it). Check that a worker runs");
    return ExitCode.TIMEOUT;
  }
}
