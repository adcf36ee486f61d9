/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.worker.audit.Replay;
import io.zcbot.sandbox.worker.audit.Rules;
import io.zcbot.sandbox.worker.audit.log.ExportedLog;
import io.zcbot.sandbox.worker.audit.log.LogSource;
import io.zcbot.sandbox.worker.audit.result.Summary;
import io.zcbot.sandbox.worker.config.GroupConfig;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/**
 * The command {@code audit}: replays the topics, or an export of them, and reports what they prove.
 */
@Command(
    name = "audit",
    description =
        "Replay all topics, print each user's sessions, and check the guarantees: no user has two"
            + " sandboxes, every ensure and every command is answered, no command is started twice,"
            + " no output and no sandbox is lost, and none is reaped while it is in use or kept"
            + " while it is idle. With --user, print the user's ensures and commands too. Changes"
            + " nothing.")
final class AuditCommand implements Callable<Integer> {
  private final CommandContext context;

  @Mixin private final LogOptions wanted = new LogOptions();

  @Mixin private final WhatIfOptions whatIf = new WhatIfOptions();

  @Option(
      names = "--input",
      paramLabel = "FILE",
      arity = "1..*",
      description = "Read these files, written by 'export', instead of Kafka.")
  private List<Path> input = new ArrayList<>();

  @Option(
      names = "--json",
      description = "Print one JSON object per line; the last one is the summary.")
  private boolean json;

  @Option(names = "--summary", description = "Print only violations and the summary.")
  private boolean summaryOnly;

  @Option(
      names = "--ttl",
      paramLabel = "DURATION",
      description =
          "The idle TTL of sandboxes whose ready events do not tell theirs (default: the"
              + " setting of this environment).")
  private @Nullable Duration ttl;

  @Option(
      names = "--interval",
      paramLabel = "DURATION",
      description =
          "The reaper interval of the workers (default: the setting of this" + " environment).")
  private @Nullable Duration interval;

  @Option(
      names = "--expiry",
      paramLabel = "DURATION",
      description =
          "When an ensure without expires_at expires (default: the setting of this environment).")
  private @Nullable Duration expiry;

  @Option(
      names = "--grace",
      paramLabel = "DURATION",
      description = "How late an answer, a reap or an announcement may be (default: 10s).")
  private @Nullable Duration grace;

  @Option(
      names = "--skew",
      paramLabel = "DURATION",
      description = "By how much the clocks of brokers and hosts may differ (default: 2s).")
  private @Nullable Duration skew;

  @Option(
      names = "--restart",
      paramLabel = "MODE",
      converter = RestartConverter.class,
      description =
          "What workers do when they start: purge or adopt (default: the setting of this"
              + " environment).")
  private GroupConfig.@Nullable Restart restart;

  @Option(
      names = "--outage",
      paramLabel = "FROM/TO",
      converter = OutageConverter.class,
      description =
          "A period in which workers or Kafka were unavailable, in which sandboxes do not age."
              + " May be repeated.")
  private List<Rules.Outage> outages = new ArrayList<>();

  AuditCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws CommandException, InterruptedException {
    WorkerConfig config = context.config();
    boolean supposes = whatIf.isGiven();
    if (supposes) {
      var _ = whatIf.settings(context.console().env()); // checked before a long replay
    }
    long violations =
        input.isEmpty() ? replayTopics(config, supposes) : replayFiles(config, supposes);
    return violations == 0 ? ExitCode.OK : ExitCode.FAILED;
  }

  private long replayTopics(WorkerConfig config, boolean supposes)
      throws CommandException, InterruptedException {
    try (KafkaLog log = LogOptions.log(config.kafka());
        LogSource source = wanted.open(log, context.console().err())) {
      try {
        return replay(source, config, supposes);
      } catch (KafkaException e) {
        throw log.failed("read the topics", e);
      }
    } catch (IOException e) {
      throw new IllegalStateException("Kafka does not throw an IOException", e);
    }
  }

  private long replayFiles(WorkerConfig config, boolean supposes)
      throws CommandException, InterruptedException {
    try (ExportedLog source =
        new ExportedLog(input, config.kafka().topicPrefix(), wanted.selection())) {
      long violations = replay(source, config, supposes);
      LogOptions.noteCut(source, context.console().err());
      return violations;
    } catch (IOException e) {
      throw new CommandException(
          ExitCode.USAGE,
          "could not read an export: " + e.getMessage() + "; name files that 'export' wrote",
          e);
    }
  }

  /** Replays a log and reports; returns the number of violations. */
  private long replay(LogSource source, WorkerConfig config, boolean supposes)
      throws CommandException, IOException, InterruptedException {
    if (supposes) {
      whatIf.run(source, context, json);
      return 0;
    }
    AuditReport report =
        json
            ? new JsonAuditReport(context.console().out(), source.topicPrefix(), summaryOnly)
            : new TextAuditReport(
                context.console().out(),
                source.topicPrefix(),
                summaryOnly,
                wanted.selection().user() != null);
    ReplayProgress progress = new ReplayProgress(context.console());
    Summary summary;
    try {
      summary = new Replay(rules(config), report::found, progress::at).run(source);
    } finally {
      progress.end();
    }
    report.end(summary);
    context.console().out().flush();
    return summary.violationCount();
  }

  private Rules rules(WorkerConfig config) {
    return new Rules(
        Optional.ofNullable(ttl).orElse(config.reaper().idleTtl),
        Optional.ofNullable(interval).orElse(config.reaper().interval),
        Optional.ofNullable(expiry).orElse(config.group().ensureExpiry),
        config.commands().maxTimeout,
        Optional.ofNullable(grace).orElse(Rules.DEFAULT.grace()),
        Optional.ofNullable(skew).orElse(Rules.DEFAULT.skew()),
        Rules.DEFAULT.window(),
        Optional.ofNullable(restart).orElse(config.group().restart) == GroupConfig.Restart.PURGE,
        config.reaper().busyCpu != null,
        List.copyOf(outages));
  }

  static final class RestartConverter implements ITypeConverter<GroupConfig.Restart> {
    @Override
    public GroupConfig.Restart convert(String text) {
      return switch (text) {
        case "purge" -> GroupConfig.Restart.PURGE;
        case "adopt" -> GroupConfig.Restart.ADOPT;
        default -> throw new TypeConversionException("write purge or adopt");
      };
    }
  }

  static final class OutageConverter implements ITypeConverter<Rules.Outage> {
    @Override
    public Rules.Outage convert(String text) {
      String[] ends = text.split("/", -1);
      try {
        if (ends.length == 2) {
          Instant from = Converters.time(ends[0]);
          Instant to = Converters.time(ends[1]);
          if (!to.isBefore(from)) {
            return new Rules.Outage(from, to);
          }
        }
      } catch (DateTimeException _) {
        // reported below
      }
      throw new TypeConversionException(
          "write two times, the earlier one first, such as"
              + " 2026-11-24T12:00:00Z/2026-11-24T12:05:00Z");
    }
  }
}
