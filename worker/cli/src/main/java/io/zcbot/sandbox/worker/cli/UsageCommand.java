/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.Replay;
import io.zcbot.sandbox.worker.audit.Rules;
import io.zcbot.sandbox.worker.audit.log.Coverage;
import io.zcbot.sandbox.worker.audit.log.ExportedLog;
import io.zcbot.sandbox.worker.audit.log.LogSource;
import io.zcbot.sandbox.worker.audit.log.Selection;
import io.zcbot.sandbox.worker.audit.result.Observation;
import io.zcbot.sandbox.worker.audit.result.Summary;
import io.zcbot.sandbox.worker.audit.usage.UsageFold;
import io.zcbot.sandbox.worker.audit.usage.UsageProof;
import io.zcbot.sandbox.worker.audit.usage.UsageSums;
import io.zcbot.sandbox.worker.config.GroupConfig;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/**
 * The command {@code usage}: replays the topics, or an export of them, and adds up what users used.
 */
@Command(
    name = "usage",
    description =
        "Add up what users used: sandboxes and how long they lasted, commands, their processor"
            + " time and their output. The sums are of the sessions and commands that 'audit'"
            + " prints; exit code 1 says that the log contradicts them, or may. Reads the topics from"
            + " their beginning. Changes nothing.")
final class UsageCommand implements Callable<Integer> {
  private static final int SUMS_IN_MEMORY = 50_000;

  private final CommandContext context;

  @Option(
      names = "--from",
      paramLabel = "TIME",
      converter = LogOptions.Time.class,
      description =
          "What was used from this time on: an RFC 3339 time, or an age such as 2h (default: as"
              + " far back as the topics go).")
  private Instant from = Instant.EPOCH;

  @Option(
      names = "--to",
      paramLabel = "TIME",
      converter = LogOptions.Time.class,
      description = "What was used before this time (default: now).")
  private @Nullable Instant to;

  @Option(names = "--user", paramLabel = "USER", description = "Only what this user used.")
  private @Nullable UserId user;

  @Option(
      names = "--by",
      paramLabel = "WHAT",
      converter = ByConverter.class,
      description =
          "A row for each user, for each day of UTC, or for each profile: user (default), day or"
              + " profile.")
  private UsageFold.By by = UsageFold.By.USER;

  @Option(
      names = "--input",
      paramLabel = "FILE",
      arity = "1..*",
      description = "Read these files, written by 'export', instead of Kafka.")
  private List<Path> input = new ArrayList<>();

  @ArgGroup private Format format = new Format();

  static final class Format {
    @Option(names = "--csv", description = "Print comma-separated values.")
    private boolean csv;

    @Option(
        names = "--json",
        description = "Print one JSON object per line; the last one is the total.")
    private boolean json;
  }

  UsageCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws CommandException, InterruptedException {
    if (to != null && !from.isBefore(to)) {
      throw new CommandException(
          ExitCode.USAGE, "--from is not before --to: name an earlier time in --from", null);
    }
    WorkerConfig config = context.config();
    try {
      return input.isEmpty() ? ofTopics(config) : ofFiles(config);
    } catch (IOException | UncheckedIOException e) {
      throw new CommandException(
          ExitCode.FAILED,
          "could not keep sums in " + System.getProperty("java.io.tmpdir") + ": " + e,
          e);
    }
  }

  private int ofTopics(WorkerConfig config)
      throws CommandException, IOException, InterruptedException {
    try (KafkaLog log = LogOptions.log(config.kafka());
        LogSource source = LogOptions.open(log, selection(), context.console().err())) {
      try {
        return report(source, config);
      } catch (KafkaException e) {
        throw log.failed("read the topics", e);
      }
    }
  }

  private int ofFiles(WorkerConfig config)
      throws CommandException, IOException, InterruptedException {
    ExportedLog opened;
    try {
      opened = new ExportedLog(input, config.kafka().topicPrefix(), selection());
    } catch (IOException e) {
      throw unreadable(e);
    }
    try (ExportedLog source = opened) {
      int code = report(source, config);
      LogOptions.noteCut(source, context.console().err());
      return code;
    }
  }

  private static CommandException unreadable(IOException e) {
    return new CommandException(
        ExitCode.USAGE,
        "could not read an export: " + e.getMessage() + "; name files that 'export' wrote",
        e);
  }

  /**
   * Selects records from the beginning, because a sandbox may have begun long before {@code
   * --from}; the wanted period is cut out later.
   */
  private Selection selection() {
    return new Selection(null, to, user);
  }

  private int report(LogSource source, WorkerConfig config)
      throws CommandException, IOException, InterruptedException {
    ReplayProgress progress = new ReplayProgress(context.console());
    try (UsageSums sums = new UsageSums(SUMS_IN_MEMORY)) {
      UsageFold fold = new UsageFold(by, from, before(source), source::end, sums);
      UsageProof proof = new UsageProof(from);
      Consumer<Observation> found = fold::found;
      Summary summary;
      try {
        summary = new Replay(rules(config), found.andThen(proof::found), progress::at).run(source);
      } catch (IOException e) {
        throw unreadable(e); // of the source: a failure of the sums is unchecked
      } finally {
        progress.end();
      }
      UsageReport report = report();
      sums.forEach(report::row);
      report.end(fold.total(), facts(fold, source.coverage(), summary, proof));
      context.console().out().flush();
      context.console().err().flush();
      return proof.unproved().isEmpty() ? ExitCode.OK : ExitCode.FAILED;
    }
  }

  /** The log ends by the brokers' clocks, and this machine's clock may be behind them. */
  private Instant before(LogSource source) {
    if (to != null) {
      return to;
    }
    Instant now = Instant.now();
    Instant end = source.end();
    return end.isBefore(now) ? now : end;
  }

  private UsageReport report() {
    PrintWriter out = context.console().out();
    if (format.csv) {
      return new UsageReport.Csv(out, context.console().err(), by);
    }
    return format.json ? new UsageReport.Json(out, by) : new UsageReport.Text(out, by);
  }

  private UsageReport.Facts facts(
      UsageFold fold, Coverage known, Summary summary, UsageProof proof) {
    return new UsageReport.Facts(
        from,
        summary.end(),
        since(known, Topic.READY, Topic.REAPED),
        since(known, Topic.EXEC, Topic.OUTPUT, Topic.EXITED),
        fold.open(),
        fold.withoutBeginning(),
        fold.withoutCpu(),
        summary.commands().answersWithoutExec(),
        proof.unproved(),
        proof.older());
  }

  private static @Nullable Instant since(Coverage known, Topic... topics) {
    long since = Long.MIN_VALUE;
    for (Topic topic : topics) {
      since = Math.max(since, known.of(topic));
    }
    return since == Long.MIN_VALUE ? null : Instant.ofEpochMilli(since);
  }

  private static Rules rules(WorkerConfig config) {
    return new Rules(
        config.reaper().idleTtl,
        config.reaper().interval,
        config.group().ensureExpiry,
        config.commands().maxTimeout,
        Rules.DEFAULT.grace(),
        Rules.DEFAULT.skew(),
        Rules.DEFAULT.window(),
        config.group().restart == GroupConfig.Restart.PURGE,
        config.reaper().busyCpu != null,
        List.of());
  }

  static final class ByConverter implements ITypeConverter<UsageFold.By> {
    @Override
    public UsageFold.By convert(String text) {
      return switch (text) {
        case "user" -> UsageFold.By.USER;
        case "day" -> UsageFold.By.DAY;
        case "profile" -> UsageFold.By.PROFILE;
        default -> throw new TypeConversionException("write user, day or profile");
      };
    }
  }
}
