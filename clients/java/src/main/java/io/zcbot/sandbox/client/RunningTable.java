/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Started;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.jspecify.annotations.Nullable;

/**
 * Looks up which commands of a user run: their entries in {@link Topic#COMMANDS}, the requests at
 * the offsets that the entries name, and their starts at about the time of the entries. It reads
 * the user's partition of the table from the beginning, so it is only for what is rarely asked.
 */
final class RunningTable {
  /** A worker's entry has about 400 bytes; the longest id of an exec has about 1000. */
  private static final int MOST_ENTRY_BYTES = 4096;

  /** Room for some thousand commands that run, many more than workers take of a user. */
  private static final int MOST_BYTES = 4 << 20;

  private static final int MOST_EXEC_BYTES = 16 << 20;

  /** As many as a worker remembers. */
  private static final int MOST_ENDED = 20_000;

  /** How far the clocks of two hosts may differ. */
  private static final Duration CLOCKS = Duration.ofSeconds(5);

  /** The longest time from an entry to the start of its command. */
  private static final Duration START = Duration.ofMinutes(5);

  /** How much of the log is read to find one record. */
  private static final int MOST_SEARCHED_BYTES = 16 << 20;

  private final EventCodec codec = new EventCodec();
  private final LogLookup log;
  private final String prefix;
  private final UserId user;

  RunningTable(LogLookup log, String topicPrefix, UserId user) {
    this.log = log;
    this.prefix = topicPrefix;
    this.user = user;
  }

  TopicPartition partition(Topic topic) {
    return log.partition(topic.named(prefix), user);
  }

  /** Returns the entries of the user's commands that are not answered. */
  Collection<CommandEntry> entries() {
    TopicPartition table = partition(Topic.COMMANDS);
    Entries entries = new Entries();
    byte[] keys = (user + "/").getBytes(StandardCharsets.US_ASCII);
    log.read(
        table,
        0,
        log.end(table),
        record -> {
          if (startsWith(record.key(), keys)) {
            entries.add(record, keys.length);
          }
          return true;
        });
    return List.copyOf(entries.running.values());
  }

  private static boolean startsWith(byte @Nullable [] key, byte[] beginning) {
    return key != null
        && key.length > beginning.length
        && key.length <= MOST_ENTRY_BYTES
        && Arrays.mismatch(key, beginning) == beginning.length;
  }

  /** The entries that were read so far. */
  private final class Entries {
    private final Map<String, CommandEntry> running = new LinkedHashMap<>();
    private int bytes;

    /**
     * Execs that were answered, by id. An entry that follows is from a former owner of the
     * partition, which was suspended while it wrote.
     */
    private final Map<String, Boolean> ended =
        new LinkedHashMap<>() {
          private static final long serialVersionUID = 1L;

          @Override
          protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
            return size() > MOST_ENDED;
          }
        };

    void add(ConsumerRecord<byte[], byte[]> record, int idAt) {
      String id =
          new String(record.key(), idAt, record.key().length - idAt, StandardCharsets.UTF_8);
      CommandEntry entry = entry(record, id);
      if (record.value() != null && entry == null) {
        return; // no worker writes such
      }
      if (entry == null || entry.answered()) {
        ended.put(id, true);
        if (running.remove(id) != null) {
          bytes -= MOST_ENTRY_BYTES;
        }
      } else if (!ended.containsKey(id) && running.put(id, entry) == null) {
        bytes += MOST_ENTRY_BYTES; // at most
        if (bytes > MOST_BYTES) {
          throw new SandboxException(
              "more than "
                  + MOST_BYTES / MOST_ENTRY_BYTES
                  + " commands of "
                  + user
                  + " run according to "
                  + record.topic()
                  + "; no worker takes so many",
              null);
        }
      }
    }

    private @Nullable CommandEntry entry(ConsumerRecord<byte[], byte[]> record, String id) {
      if (record.value() == null || record.value().length > MOST_ENTRY_BYTES) {
        return null;
      }
      try {
        CommandEntry entry = codec.decodeCommand(record.value());
        return entry.userId().equals(user)
                && entry.execId().equals(id)
                && entry.partition() == record.partition()
            ? entry
            : null;
      } catch (EventFormatException e) {
        return null;
      }
    }
  }

  /** Returns the user's commands that run, with what the log has of each. */
  List<RunningEntry> commands() {
    List<RunningEntry> commands = new ArrayList<>();
    int left = MOST_EXEC_BYTES;
    for (CommandEntry entry : entries()) {
      AtomicReference<@Nullable Integer> size = new AtomicReference<>();
      Exec exec = left > 0 ? exec(entry, size) : null;
      left -= size.get() == null ? 0 : size.get();
      OptionalInt pid = exec == null || exec.announceStart() ? pid(entry) : OptionalInt.empty();
      commands.add(new RunningEntry(entry.execId(), entry.startedAt(), exec, pid));
    }
    return commands;
  }

  /** Returns the request of a command; null if the log no longer has it. */
  @Nullable Exec exec(CommandEntry entry) {
    return exec(entry, new AtomicReference<>());
  }

  private @Nullable Exec exec(CommandEntry entry, AtomicReference<@Nullable Integer> size) {
    AtomicReference<@Nullable Exec> found = new AtomicReference<>();
    log.read(
        new TopicPartition(Topic.EXEC.named(prefix), entry.partition()),
        entry.offset(),
        entry.offset() + 1,
        record -> {
          if (event(Topic.EXEC, record) instanceof Exec exec
              && exec.eventId().equals(entry.execId())) {
            found.set(exec);
            size.set(record.value().length);
          }
          return false;
        });
    return found.get();
  }

  private OptionalInt pid(CommandEntry entry) {
    SandboxEvent found =
        find(
            Topic.STARTED,
            entry.startedAt().minus(CLOCKS),
            entry.startedAt().plus(START),
            event -> event instanceof Started started && started.execId().equals(entry.execId()));
    return found instanceof Started started ? OptionalInt.of(started.pid()) : OptionalInt.empty();
  }

  /** Whether a command's end is among those of the last seconds. */
  boolean hasEndedSince(String execId, Instant time) {
    return find(
            Topic.EXITED,
            time,
            Instant.MAX,
            event -> event instanceof Exited exited && exited.execId().equals(execId))
        != null;
  }

  /** Returns the user's first event of this kind between two times; null if there is none. */
  private @Nullable SandboxEvent find(
      Topic topic, Instant from, Instant to, Predicate<SandboxEvent> isWanted) {
    AtomicReference<@Nullable SandboxEvent> found = new AtomicReference<>();
    TopicPartition partition = partition(topic);
    byte[] key = codec.currentKey(user);
    int[] left = {MOST_SEARCHED_BYTES};
    log.read(
        partition,
        log.firstAt(partition, from),
        log.end(partition),
        record -> {
          if (Arrays.equals(key, record.key())) {
            SandboxEvent event = event(topic, record);
            if (event != null && isWanted.test(event)) {
              found.set(event);
            }
          }
          left[0] -= record.serializedValueSize();
          return found.get() == null
              && left[0] > 0
              && !Instant.ofEpochMilli(record.timestamp()).isAfter(to);
        });
    return found.get();
  }

  private @Nullable SandboxEvent event(Topic topic, ConsumerRecord<byte[], byte[]> record) {
    if (record.value() == null || record.value().length > topic.maxBytes()) {
      return null;
    }
    Origin origin =
        new Origin(
                record.topic(),
                record.partition(),
                record.offset(),
                Instant.ofEpochMilli(record.timestamp()))
            .with(
                name -> {
                  Header header = record.headers().lastHeader(name);
                  return header == null ? null : header.value();
                });
    try {
      return codec.decode(topic, record.key(), record.value(), origin);
    } catch (EventFormatException e) {
      return null;
    }
  }
}
