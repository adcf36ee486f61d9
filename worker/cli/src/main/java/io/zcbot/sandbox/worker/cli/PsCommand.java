/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.config.Durations;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineView;
import io.zcbot.sandbox.worker.spec.Profile;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Lists the sandboxes on an engine. Their last use comes from the topics, because the engine does
 * not know it.
 */
final class PsCommand {
  private final Console console;
  private final EngineView engine;
  private final WorkerConfig config;

  /** The command {@code ps}. */
  @Command(name = "ps", description = "List the sandboxes on this engine, of all workers.")
  static final class Typed implements Callable<Integer> {
    private final CommandContext context;

    @Option(names = "--json", description = "Print one JSON array.")
    private boolean json;

    @Option(
        names = "--all-hosts",
        description = "List the sandboxes of all hosts, from the topics and not from an engine.")
    private boolean allHosts;

    Typed(CommandContext context) {
      this.context = context;
    }

    @Override
    public Integer call() throws CommandException, InterruptedException {
      WorkerConfig config = context.config();
      if (allHosts) {
        Instant now = Instant.now();
        try (KafkaLog log = new KafkaLog(config.kafka())) {
          KnownSandboxes known =
              KnownSandboxes.read(log, now.minus(config.profiles().longestIdleTtl()));
          known.tellGaps(context.console());
          context.console().out().print(new AllHosts(known, now).text(json));
          context.console().out().flush();
        }
        return ExitCode.OK;
      }
      // the topics are read at the same time as the engine is asked
      Instant now = Instant.now();
      try (KafkaLog log = new KafkaLog(config.kafka());
          BackgroundTasks aside = new BackgroundTasks()) {
        Instant usesSince = now.minus(config.profiles().longestIdleTtl());
        BackgroundTasks.Work<KnownSandboxes> known =
            aside.start(() -> KnownSandboxes.read(log, usesSince));
        try (EngineView engine = context.engineView(config)) {
          return new PsCommand(context.console(), engine, config).run(now, known, aside, json);
        }
      }
    }
  }

  /**
   * A row of the list.
   *
   * @param since when the user's sandbox began: its start, or the claim of a warm slot
   * @param commands number of commands that are not answered yet; null if unknown
   */
  private record Row(
      Container container,
      UserId user,
      @Nullable Instant since,
      @Nullable Instant lastUsed,
      @Nullable Integer commands) {}

  PsCommand(Console console, EngineView engine, WorkerConfig config) {
    this.console = console;
    this.engine = engine;
    this.config = config;
  }

  private int run(
      Instant now,
      BackgroundTasks.Work<KnownSandboxes> reading,
      BackgroundTasks aside,
      boolean json)
      throws CommandException, InterruptedException {
    Map<Container, BackgroundTasks.Work<Container>> sandboxes = new LinkedHashMap<>();
    for (Container container : Engines.sandboxes(engine)) {
      if (container.user() != null) {
        sandboxes.put(container, aside.start(() -> detailed(container)));
      }
    }
    KnownSandboxes known = sandboxes.isEmpty() ? null : known(reading);
    List<Row> rows = new ArrayList<>();
    for (Map.Entry<Container, BackgroundTasks.Work<Container>> sandbox : sandboxes.entrySet()) {
      UserId user = sandbox.getKey().user();
      if (user != null) {
        Container detailed = sandbox.getValue().result();
        rows.add(
            new Row(
                detailed,
                user,
                since(detailed, known),
                known == null ? null : known.lastUse(user, now),
                known == null ? null : known.commands(user)));
      }
    }
    rows.sort(Comparator.comparing(row -> row.user));
    if (json) {
      console.out().println(json(rows));
    } else {
      print(rows, now);
    }
    return ExitCode.OK;
  }

  /**
   * Returns when the user's sandbox began. A slot started before it had a user, and only the topics
   * say when it was claimed.
   */
  private static @Nullable Instant since(Container container, @Nullable KnownSandboxes known) {
    if (container.ownership().slotId() == null) {
      return container.startedAt();
    }
    LiveSandbox entry = known == null ? null : known.live().get(container.id());
    return entry == null ? null : entry.openedAt();
  }

  /** Looks a container up, because a listing has no start time. */
  private Container detailed(Container listed) throws CommandException {
    try {
      return engine.find(listed.id()).orElse(listed);
    } catch (EngineException e) {
      throw Engines.failed(e);
    }
  }

  /**
   * Returns what the topics say; prints a message and returns null if they can't be read, because
   * the engine's part is shown anyway.
   */
  private @Nullable KnownSandboxes known(BackgroundTasks.Work<KnownSandboxes> reading)
      throws InterruptedException {
    try {
      KnownSandboxes known = reading.result();
      known.tellGaps(console);
      return known;
    } catch (CommandException e) {
      console
          .err()
          .println(EventText.lines("idle times and commands are not known: " + e.getMessage()));
      return null;
    }
  }

  private void print(List<Row> rows, Instant now) {
    Table table =
        new Table("USER", "PROFILE", "STATE", "AGE", "IDLE", "CMDS", "SPEC", "WORKER", "CONTAINER");
    for (Row row : rows) {
      Container container = row.container;
      String workerId = container.ownership().workerId();
      table.add(
          row.user.toString(),
          EventText.plain(container.profile()),
          container.state().name().toLowerCase(Locale.ROOT),
          age(row.since, now),
          age(row.lastUsed, now),
          row.commands == null ? "-" : row.commands.toString(),
          spec(container),
          workerId == null ? "-" : EventText.plain(workerId),
          EventText.shortId(container.id()));
    }
    console.out().print(table.text());
    console.out().flush();
  }

  private String json(List<Row> rows) {
    ArrayNode array = JsonNodeFactory.instance.arrayNode();
    for (Row row : rows) {
      Container container = row.container;
      ObjectNode json = array.addObject();
      json.put("user_id", row.user.toString());
      json.put("profile", container.profile());
      json.put("state", container.state().name().toLowerCase(Locale.ROOT));
      json.put("started_at", text(container.startedAt()));
      json.put("ready_at", text(row.since));
      json.put("last_used_at", text(row.lastUsed));
      json.put("commands", row.commands);
      json.put("spec", spec(container));
      json.put("worker_id", container.ownership().workerId());
      json.put("container_name", container.name());
      json.put("container_id", container.id());
    }
    return JsonText.plain(array.toString());
  }

  private String spec(Container container) {
    Profile profile = config.profiles().find(container.profile());
    return profile != null && profile.spec().hash().equals(container.specHash())
        ? "current"
        : "other";
  }

  static String age(@Nullable Instant since, Instant now) {
    return Optional.ofNullable(since)
        .map(instant -> Durations.rounded(Duration.between(instant, now)))
        .orElse("-");
  }

  static @Nullable String text(@Nullable Instant instant) {
    return instant == null ? null : instant.toString();
  }
}
