/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Expiring;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Release;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Started;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.kafka.LogRange;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * The recent events of one user's sandbox.
 *
 * @param since the instant from which on everything was read
 * @param entries the events, oldest first, without repetitions
 */
record RecentEvents(Instant since, List<Entry> entries) {
  /** The number of entries to look for. */
  static final int WANTED = 10;

  /**
   * How far back each step reads. For a user who was active minutes ago, a day of the whole
   * partition need not be read.
   */
  private static final List<Duration> STEPS =
      List.of(Duration.ofMinutes(10), Duration.ofHours(2), Duration.ofHours(24));

  /**
   * Maximum time for reading, because a person waits. Older records that were not read by then are
   * left out.
   */
  private static final Duration LIMIT = Duration.ofSeconds(5);

  /** The topics of events of a sandbox. */
  static final Topic[] TOPICS = {
    Topic.ENSURE, Topic.READY, Topic.REAPED, Topic.FAILED, Topic.RELEASE, Topic.EXPIRING
  };

  /** An event and its record. */
  record Entry(ConsumerRecord<byte[], byte[]> record, SandboxEvent event) {
    /** The record's timestamp. */
    Instant at() {
      return Instant.ofEpochMilli(record.timestamp());
    }
  }

  /** Reads backwards, step by step, until there are enough entries or time runs out. */
  static RecentEvents read(RangeReader reader, UserId user, Instant now) {
    return new Reading(reader, user, TOPICS).backFrom(now);
  }

  /** Reads the events of the user's commands, separately because there may be many. */
  static RecentEvents ofCommands(RangeReader reader, UserId user, Instant now) {
    return new Reading(reader, user, Topic.EXEC, Topic.EXITED).backFrom(now);
  }

  /** Returns the newest ready of a container; null if there is none. */
  @Nullable Ready ready(String containerId) {
    Entry newest =
        newest(event -> event instanceof Ready ready && ready.containerId().equals(containerId));
    return newest == null ? null : (Ready) newest.event();
  }

  /** Returns the newest ready or failed; null if there is none. */
  @Nullable Entry lastAnswer() {
    return newest(event -> event instanceof Ready || event instanceof Failed);
  }

  /** Returns the newest ensure if it is not answered yet; null otherwise. */
  @Nullable Entry unanswered() {
    Entry newest = newest(event -> event instanceof Ensure);
    if (newest == null) {
      return null;
    }
    String id = newest.event().eventId();
    Entry answer =
        newest(
            event ->
                switch (event) {
                  case Ready ready -> ready.ensureId().equals(id);
                  case Failed failed -> failed.ensureId().equals(id);
                  case Ensure _, Activity _, Reaped _ -> false;
                  case Exec _, Input _, Started _, Output _, Exited _ -> false;
                  case Release _, Expiring _ -> false;
                });
    return answer == null ? newest : null;
  }

  private @Nullable Entry newest(Predicate<SandboxEvent> wanted) {
    for (Entry entry : entries.reversed()) {
      if (wanted.test(entry.event())) {
        return entry;
      }
    }
    return null;
  }

  /** Returns the newest entries, oldest first. */
  List<Entry> newest() {
    return entries.subList(Math.max(0, entries.size() - WANTED), entries.size());
  }

  private static final class Reading {
    private final RangeReader reader;
    private final UserId user;
    private final List<TopicPartition> partitions;
    private final long deadline = System.nanoTime() + LIMIT.toNanos();

    Reading(RangeReader reader, UserId user, Topic... topics) {
      this.reader = reader;
      this.user = user;
      this.partitions = reader.partitions(user, topics);
    }

    RecentEvents backFrom(Instant now) {
      List<Entry> found = new ArrayList<>();
      Map<TopicPartition, Long> ends = null;
      Instant since = now;
      for (Duration step : STEPS) {
        LogRange range = reader.since(now.minus(step), partitions);
        // records behind the end were read in the previous step
        HeldEntries older = read(new LogRange(range.starts(), ends == null ? range.ends() : ends));
        if (older == null) {
          break;
        }
        found.addAll(older.newest());
        since = older.isWhole() ? now.minus(step) : older.oldest();
        ends = range.starts();
        if (found.size() >= WANTED) {
          break;
        }
      }
      found.sort(Comparator.comparing(Entry::at));
      Set<String> seen = new HashSet<>();
      found.removeIf(entry -> !seen.add(entry.event().topic() + entry.event().eventId()));
      return new RecentEvents(since, List.copyOf(found));
    }

    /** Reads the user's entries in a range; null if time runs out. */
    private @Nullable HeldEntries read(LogRange range) {
      HeldEntries found = new HeldEntries();
      boolean isWhole =
          reader.read(
              range,
              deadline,
              record -> {
                if (Records.key(record).equals(user.toString())) {
                  SandboxEvent event = Records.event(record, reader.topicPrefix()).event();
                  if (event != null) {
                    found.add(new Entry(record, event));
                  }
                }
              });
      return isWhole ? found : null;
    }
  }
}
