/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.log.ExportedLog;
import io.zcbot.sandbox.worker.audit.log.KafkaLogSource;
import io.zcbot.sandbox.worker.audit.log.LogSource;
import io.zcbot.sandbox.worker.audit.log.Selection;
import io.zcbot.sandbox.worker.config.Durations;
import io.zcbot.sandbox.worker.config.KafkaConfig;
import io.zcbot.sandbox.worker.kafka.BrokerClock;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** Options that select the part of the log that a replay reads. */
final class LogOptions {
  /**
   * Consumer properties for a replay, which needs throughput where a watch needs low latency.
   * {@code PollBudget} bounds the bytes of a poll, whatever its number of records. A paused
   * partition keeps what was fetched of it, so each fetch of a partition is small. If brokers
   * delete records before they are read, the replay fails instead of skipping them.
   */
  private static final Map<String, String> IN_BULK =
      Map.of(
          "auto.offset.reset", "none",
          "max.poll.records", "20000",
          "max.partition.fetch.bytes", "65536",
          "fetch.min.bytes", "65536",
          "fetch.max.wait.ms", "50",
          "receive.buffer.bytes", "1048576");

  @Option(
      names = "--from",
      paramLabel = "TIME",
      converter = Time.class,
      description = "Only records from this time on: an RFC 3339 time, or an age such as 2h.")
  private @Nullable Instant from;

  @Option(
      names = "--to",
      paramLabel = "TIME",
      converter = Time.class,
      description = "Only records up to this time.")
  private @Nullable Instant to;

  @Option(names = "--user", paramLabel = "USER", description = "Only this user's records.")
  private @Nullable UserId user;

  Selection selection() {
    return new Selection(from, to, user);
  }

  /** Returns access to Kafka with the properties for a replay. */
  static KafkaLog log(KafkaConfig config) {
    Map<String, String> properties = new HashMap<>(IN_BULK);
    properties.putAll(config.properties());
    return new KafkaLog(config.withProperties(properties));
  }

  /**
   * Opens all topics, from the first selected record to their present ends.
   *
   * @param notes is notified if the clock that judges them is this machine's
   */
  LogSource open(KafkaLog log, PrintWriter notes) throws CommandException, InterruptedException {
    return open(log, selection(), notes);
  }

  static LogSource open(KafkaLog log, Selection selection, PrintWriter notes)
      throws CommandException, InterruptedException {
    String prefix = log.config().topicPrefix();
    Instant now;
    Map<Topic, Instant> kept;
    try (Admin admin = log.admin("read the topics")) {
      now = now(admin, notes);
      kept = Retention.kept(admin, prefix, now, Topic.history());
    }
    Instant from = selection.from();
    Consumer<byte[], byte[]> consumer =
        from == null ? log.fromBeginning(Topic.history()) : log.since(from, Topic.history());
    try {
      return new KafkaLogSource(consumer, prefix, selection, kept, now);
    } catch (KafkaException e) {
      consumer.close();
      throw log.failed("read the topics", e);
    }
  }

  /**
   * The time by the clocks that date the records; by this machine's if they can't be asked. Nothing
   * is noted if this client may not ask, as an auditor: that is documented.
   */
  static Instant now(Admin admin, PrintWriter notes) throws InterruptedException {
    String problem = "it reports none";
    try {
      Instant theirs = BrokerClock.time(admin);
      if (theirs != null) {
        return theirs;
      }
    } catch (ExecutionException e) {
      if (e.getCause() instanceof AuthorizationException) {
        return Instant.now();
      }
      problem = String.valueOf(e.getCause());
    }
    notes.println(
        "noted: Kafka did not tell its time ("
            + EventText.plain(problem)
            + "), so the log ends at the time of this machine's clock");
    return Instant.now();
  }

  /** Prints which export files may lack their end. */
  static void noteCut(ExportedLog log, PrintWriter to) {
    for (Path file : log.cut()) {
      to.println(
          "noted: "
              + EventText.plain(file.toString())
              + " does not say that it is complete: its export failed or was cut, or an earlier"
              + " version wrote it. What was reported is wrong if its end is missing; to be sure,"
              + " export again");
    }
  }

  static final class Time implements ITypeConverter<Instant> {
    @Override
    public Instant convert(String text) {
      try {
        return Converters.time(text);
      } catch (DateTimeException _) {
        Duration ago = Durations.parse(text);
        if (ago == null) {
          throw new TypeConversionException(
              "write a time such as 2026-11-24T12:00:00Z, or an age such as 90s, 5m or 2h");
        }
        if (ago.compareTo(Converters.LONGEST) > 0) {
          throw new TypeConversionException(
              "write an age of at most " + Durations.shown(Converters.LONGEST));
        }
        return Instant.now().minus(ago);
      }
    }
  }
}
