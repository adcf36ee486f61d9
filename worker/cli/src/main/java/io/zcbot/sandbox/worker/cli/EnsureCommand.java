/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Network;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.config.Durations;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * The command {@code ensure}: publishes an ensure and waits for the ready or failed that answers
 * it.
 */
@Command(name = "ensure", description = "Request a user's sandbox and wait until it is ready.")
final class EnsureCommand implements Callable<Integer> {
  private final CommandContext context;

  @Parameters(paramLabel = "USER", description = "The user's id, a UUID in lower case.")
  @SuppressWarnings("NullAway.Init") // picocli sets it or fails
  private UserId user;

  @Option(
      names = "--timeout",
      paramLabel = "DURATION",
      description = "How long to wait for the answer (default: 60s).")
  private Duration timeout = Duration.ofSeconds(60);

  @Option(
      names = "--wait",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description = "Wait for the answer (default), or only publish.")
  private boolean wait;

  @Option(
      names = "--expires-in",
      paramLabel = "DURATION",
      description =
          "When the ensure expires (default: the timeout if the command waits, otherwise the"
              + " workers' setting).")
  private @Nullable Duration expiresIn;

  @Option(
      names = "--idle-ttl",
      paramLabel = "DURATION",
      description =
          "How long the sandbox may be unused before it is reaped, until the user's next ensure"
              + " (default: the workers' setting).")
  private @Nullable Duration idleTtl;

  @Option(
      names = "--label",
      paramLabel = "KEY=VALUE",
      description =
          "Label the sandbox; may be repeated. Replaces all its labels (default: it keeps them).")
  private @Nullable Map<String, String> labels;

  @Option(
      names = "--ends-in",
      paramLabel = "DURATION",
      description = "When the sandbox ends, even if it is in use (default: it keeps its end).")
  private @Nullable Duration endsIn;

  @Option(
      names = "--profile",
      paramLabel = "NAME",
      description =
          "What the sandbox is made of; a sandbox of another profile is replaced, unless commands"
              + " run in it (default: that of the sandbox that runs, or else default).")
  private @Nullable String profile;

  @Option(
      names = "--replace",
      description = "Replace a sandbox of another profile even if commands run in it.")
  private boolean replace;

  @Option(
      names = "--allow",
      paramLabel = "NAME",
      split = ",",
      description =
          "What the sandbox may reach of what its profile allows by name, such as github.com:443;"
              + " none for nothing, all for all of that; may be repeated (default: it keeps that).")
  private @Nullable List<String> allow;

  @Option(names = "--json", description = "Print the event as JSON.")
  private boolean json;

  EnsureCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws CommandException, InterruptedException {
    Ensure ensure = ensure();
    Records.check(ensure, "no worker would answer this ensure");
    try (KafkaLog log = context.log()) {
      return run(context.console(), log, ensure);
    }
  }

  private @Nullable Network network() throws CommandException {
    if (allow == null) {
      return null;
    }
    if (allow.equals(List.of("all"))) {
      return Network.WHOLE;
    }
    try {
      return new Network(allow.equals(List.of("none")) ? List.of() : allow);
    } catch (IllegalArgumentException e) {
      throw new CommandException(ExitCode.USAGE, "--allow: " + e.getMessage(), e);
    }
  }

  private Ensure ensure() throws CommandException {
    Instant now = Instant.now().truncatedTo(ChronoUnit.MILLIS);
    Duration expiry = expiresIn == null && wait ? timeout : expiresIn;
    return new Ensure(
        UUID.randomUUID().toString(),
        user,
        now,
        "cli",
        expiry == null ? null : now.plus(expiry),
        idleTtl == null ? null : ExecOptions.wholeSeconds(idleTtl),
        labels,
        endsIn == null ? null : now.plus(endsIn),
        profile,
        replace,
        network());
  }

  private int run(Console console, KafkaLog log, Ensure ensure)
      throws CommandException, InterruptedException {
    if (!wait) {
      return context.publish(log, ensure, json);
    }
    try (CommandLog answers = new KafkaCommandLog(log, user, Topic.READY, Topic.FAILED)) {
      answers.publish(ensure);
      SandboxEvent answer = await(answers, ensure);
      if (answer == null) {
        console
            .err()
            .println(
                "no answer to ensure "
                    + ensure.eventId()
                    + " within "
                    + Durations.shown(timeout)
                    + "; it may still arrive ('watch --user "
                    + user
                    + "' shows it). Check that a worker runs");
        return ExitCode.TIMEOUT;
      }
      console
          .out()
          .println(
              json ? JsonText.of(answer) : answer.topic().named("") + "  " + EventText.of(answer));
      return answer instanceof Ready ? ExitCode.OK : ExitCode.FAILED;
    }
  }

  private @Nullable SandboxEvent await(CommandLog answers, Ensure ensure) throws CommandException {
    long deadline = System.nanoTime() + timeout.toNanos();
    while (true) {
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        return null;
      }
      for (SandboxEvent event : answers.poll(Duration.ofNanos(left))) {
        String ensureId =
            switch (event) {
              case Ready r -> r.ensureId();
              case Failed f -> f.ensureId();
              default -> "";
            };
        if (ensureId.equals(ensure.eventId())) {
          return event;
        }
      }
    }
  }
}
