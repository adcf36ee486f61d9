/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * The command {@code get}: describes one user's sandbox. Uses the topics only and no engine, so it
 * works on any host.
 */
@Command(
    name = "get",
    description = {
      "Describe a user's sandbox: where it is, since when, its last use, which names and"
          + " addresses it was refused, its last ensure, what happened to it in the last 24 hours,"
          + " and the last commands.",
      "It reads the topics, not the engine. They do not show commands that 'docker exec' started,"
          + " which also count as use. The exit code is 1 if the user has no sandbox."
    })
final class GetCommand implements Callable<Integer> {
  private final CommandContext context;

  @Parameters(paramLabel = "USER", description = "The user's id, a UUID in lower case.")
  @SuppressWarnings("NullAway.Init") // picocli sets it or fails
  private UserId user;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  GetCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws CommandException {
    WorkerConfig config = context.config();
    try (KafkaLog log = new KafkaLog(config.kafka())) {
      UserDescription description = describe(log, config.reaper().idleTtl);
      Console console = context.console();
      RecordFormat format = new RecordFormat(log.config().topicPrefix(), console.hasColour());
      console.out().print(json ? description.json(format) : description.text(format));
      console.out().flush();
      return description.hasSandbox() ? ExitCode.OK : ExitCode.FAILED;
    }
  }

  private UserDescription describe(KafkaLog log, Duration ownTtl) throws CommandException {
    Instant now = Instant.now();
    try (RangeReader reader =
        log.ranges(
            Topic.LIVE,
            Topic.ENSURE,
            Topic.READY,
            Topic.REAPED,
            Topic.FAILED,
            Topic.RELEASE,
            Topic.EXPIRING,
            Topic.ACTIVITY,
            Topic.COMMANDS)) {
      LiveSandbox live = LiveEntries.of(reader, user);
      RecentEvents history = RecentEvents.read(reader, user, now);
      Duration ttl = UserDescription.idleTtl(live, history);
      Map<UserId, Instant> uses =
          live == null
              ? Map.of()
              : LastUses.since(reader, user, now.minus(ttl == null ? ownTtl : ttl));
      UserDescription.Commands commands = commands(log, now);
      int running = commands == null ? 0 : commands.running();
      return new UserDescription(
          user,
          live,
          history,
          commands,
          uses != null || running > 0,
          LastUses.with(running, uses == null ? null : uses.get(user), now),
          now);
    } catch (KafkaException e) {
      throw log.failed("read what happened to the sandbox", e);
    }
  }

  private UserDescription.@Nullable Commands commands(KafkaLog log, Instant now) {
    try (RangeReader reader = log.ranges(Topic.COMMANDS, Topic.EXEC, Topic.EXITED)) {
      return new UserDescription.Commands(
          RunningCounts.count(reader, user), RecentEvents.ofCommands(reader, user, now));
    } catch (CommandException e) {
      return unknown(e);
    } catch (KafkaException e) {
      return unknown(log.failed("read the commands", e));
    }
  }

  private UserDescription.@Nullable Commands unknown(CommandException e) {
    context.console().err().println(EventText.lines("commands are not known: " + e.getMessage()));
    return null;
  }
}
