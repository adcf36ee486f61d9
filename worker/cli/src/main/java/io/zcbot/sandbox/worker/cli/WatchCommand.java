/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.log.KafkaLogSource;
import io.zcbot.sandbox.worker.audit.log.LogRecord;
import io.zcbot.sandbox.worker.audit.log.Selection;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The command {@code watch}: prints the records of all topics as they come. */
@Command(name = "watch", description = "Print all events as they are published, until Ctrl-C.")
final class WatchCommand implements Callable<Integer> {
  private final CommandContext context;

  @Option(names = "--from-beginning", description = "Start with the oldest records.")
  private boolean fromBeginning;

  @Option(names = "--user", paramLabel = "USER", description = "Only this user's records.")
  private @Nullable UserId user;

  @Option(names = "--count", paramLabel = "N", description = "Stop after this many lines.")
  private @Nullable Integer count;

  @Option(names = "--json", description = "Print one JSON object per line.")
  private boolean json;

  private int lines;

  WatchCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws CommandException {
    try (KafkaLog log = context.log()) {
      return follow(context.console(), log);
    }
  }

  private int follow(Console console, KafkaLog log) throws CommandException {
    RecordFormat format = new RecordFormat(log.config().topicPrefix(), console.hasColour());
    try (Consumer<byte[], byte[]> records =
        fromBeginning ? log.fromBeginning(Topic.history()) : log.fromEnd(Topic.history())) {
      if (!json) {
        console
            .err()
            .println("watching " + log.config().bootstrapServers() + ", press Ctrl-C to" + " stop");
      }
      if (fromBeginning && printPast(console, log, records, format)) {
        return ExitCode.OK;
      }
      FollowedTopics topics = new FollowedTopics(records, console.err(), System::nanoTime);
      while (true) {
        for (ConsumerRecord<byte[], byte[]> record : topics.next()) {
          if (print(console, format, record)) {
            return ExitCode.OK;
          }
        }
        if (console.out().checkError()) {
          return ExitCode.OK; // the reader of the pipe is gone, as with «watch | head»
        }
      }
    } catch (KafkaException e) {
      throw log.failed("follow the topics", e);
    }
  }

  /**
   * Prints what the topics have already, ordered by time: a poll returns the records of one topic
   * after those of another, and so an input before its exec. Leaves the consumer behind them.
   *
   * @return whether nothing more is wanted
   */
  private boolean printPast(
      Console console, KafkaLog log, Consumer<byte[], byte[]> records, RecordFormat format) {
    KafkaLogSource past =
        new KafkaLogSource(
            records, log.config().topicPrefix(), Selection.ALL, Map.of(), Instant.now());
    for (LogRecord record = past.next(); record != null; record = past.next()) {
      if (print(console, format, record.raw()) || console.out().checkError()) {
        return true;
      }
    }
    past.followOn();
    return false;
  }

  /** Prints a record if it is wanted; returns whether it was the last one. */
  private boolean print(
      Console console, RecordFormat format, ConsumerRecord<byte[], byte[]> record) {
    if (user != null && !Records.key(record).equals(user.toString())) {
      return false;
    }
    console.out().println(json ? format.json(record) : format.line(record));
    lines++;
    return count != null && lines >= count;
  }
}
