/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.console.Notices.Kind;
import io.zcbot.sandbox.worker.console.Notices.Notice;
import io.zcbot.sandbox.worker.kafka.CapacityHeader;
import io.zcbot.sandbox.worker.kafka.ForwardedFrom;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.kafka.TableKey;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.jspecify.annotations.Nullable;

/**
 * Everything that the console knows, folded from records: the current content of the tables, and
 * what events reported in the last hour. Its memory is bounded, whatever the topics contain.
 * Thread-safe: its lock guards the objects of this package that say so.
 */
final class Fleet {
  private static final JsonFactory JSON = new JsonFactory();
  private static final int LETTERS_KEPT = 200;
  private static final long RECENTLY_MS = Duration.ofMinutes(5).toMillis();

  /** The largest entry of a table that is read; workers write no larger ones. */
  private static final int MAX_ENTRY_BYTES = 4096;

  private final EventCodec codec = new EventCodec();
  private final SharedNames names = new SharedNames();
  private final Duration usualTtl;
  private final InstantSource clock;
  private KeyPartitions partitions = new KeyPartitions(1);
  private Sandboxes sandboxes;
  private RunningCommands commands = new RunningCommands(names, 0);
  private Notices letters = new Notices(LETTERS_KEPT, 0);
  private FleetEvents events;
  private FollowState following = FollowState.STARTING;
  private GroupState group = GroupState.UNKNOWN;
  private final String run = Long.toHexString(new SecureRandom().nextLong());
  private long records;
  private Instant since = Instant.EPOCH;

  private interface Writing {
    void to(JsonGenerator json) throws IOException;
  }

  /**
   * Starts knowing nothing.
   *
   * @param usualTtl the idle TTL of sandboxes whose events have none
   */
  Fleet(Duration usualTtl, InstantSource clock) {
    this.usualTtl = usualTtl;
    this.clock = clock;
    this.sandboxes = new Sandboxes(usualTtl, names, 1);
    this.events = new FleetEvents(sandboxes, new Hosts(), names, 0);
  }

  /**
   * Forgets everything, before the topics are read anew.
   *
   * @param from the time from which on events will be read
   */
  synchronized void begin(int partitionCount, Instant from) {
    since = from;
    partitions = new KeyPartitions(partitionCount);
    sandboxes = new Sandboxes(usualTtl, names, sandboxes.version() + 1);
    commands = new RunningCommands(names, commands.version());
    letters = new Notices(LETTERS_KEPT, letters.version());
    events = new FleetEvents(sandboxes, new Hosts(), names, events.failures.version());
    following = FollowState.STARTING;
  }

  synchronized void following(FollowState state) {
    following = state;
  }

  synchronized void group(GroupState state) {
    group = state;
  }

  /** Adds a record of one of the topics. */
  synchronized void accept(Topic topic, ConsumerRecord<byte[], byte[]> record) {
    records++;
    try {
      switch (topic) {
        case LIVE -> live(record);
        case COMMANDS -> command(record);
        case DEAD_LETTER -> letter(record);
        case CURRENT, INPUT, STARTED, OUTPUT -> {} // these contain nothing more to show
        case ENSURE, ACTIVITY, READY, REAPED, FAILED, EXEC, EXITED, RELEASE, EXPIRING ->
            event(topic, record);
      }
    } catch (EventFormatException _) {
      // For an input, there is a dead letter; others were not written by a worker.
    }
  }

  private void event(Topic topic, ConsumerRecord<byte[], byte[]> record)
      throws EventFormatException {
    SandboxEvent event =
        codec.decode(topic, record.key(), record.value(), ForwardedFrom.originOf(record, topic));
    // Not later than now: the publisher's clock may be ahead.
    events.on(event, Math.min(record.timestamp(), clock.millis()));
    if (event instanceof Exec exec) {
      Requests.Open request = events.execs.of(exec.userId(), exec.eventId());
      if (request != null) {
        commands.line(exec.userId() + "/" + exec.eventId(), request.text());
      }
    }
  }

  private void live(ConsumerRecord<byte[], byte[]> record) throws EventFormatException {
    TableKey key = tableKey(record);
    if (key == null) {
      return;
    }
    if (record.value() == null) {
      sandboxes.close(key.id());
      return;
    }
    LiveSandbox live = codec.decodeLive(record.value());
    if (!key.equals(new TableKey(live.userId(), live.containerId()))) {
      return;
    }
    events.hosts.seen(live.host(), live.workerId(), record.timestamp());
    Integer capacity = CapacityHeader.of(record);
    if (capacity != null) {
      events.hosts.capacity(live.host(), capacity);
    }
    SandboxRow row = sandboxes.open(live);
    if (row != null) {
      events.timelines.tell(row);
      row.used(row.openedAt, "ensure");
      row.commands = commands.in(row.container);
    }
  }

  private void command(ConsumerRecord<byte[], byte[]> record) throws EventFormatException {
    TableKey key = tableKey(record);
    if (key == null) {
      return;
    }
    String name = key.user() + "/" + key.id();
    CommandEntry entry = record.value() == null ? null : codec.decodeCommand(record.value());
    if (entry == null || entry.answered()) {
      RunningCommands.Command ended = commands.ended(name);
      if (ended != null) {
        count(ended.container, -1, UserId.parse(ended.user), record.timestamp());
      }
    } else if (key.equals(new TableKey(entry.userId(), entry.execId()))) {
      Requests.Open request = events.execs.of(entry.userId(), entry.execId());
      var started = commands.started(name, entry, request == null ? "" : request.text());
      if (started != null) {
        count(started.container, 1, entry.userId(), started.startedAt);
      }
    }
  }

  private void count(String container, int more, UserId user, long time) {
    events.used(user, time, "command");
    SandboxRow row = sandboxes.of(container);
    if (row != null) {
      row.commands += more;
      sandboxes.changed(row);
    }
  }

  private void letter(ConsumerRecord<byte[], byte[]> record) {
    String origin =
        header(record, "zcbot_topic")
            + "-"
            + header(record, "zcbot_partition")
            + "-"
            + header(record, "zcbot_offset");
    letters.add(
        new Notice(
            record.timestamp(),
            ShownText.name(origin),
            new Kind(
                record.partition() + "-" + record.offset(),
                ShownText.name(header(record, "zcbot_error_field"))),
            ShownText.wholeMessage(header(record, "zcbot_error")),
            0));
  }

  /**
   * Reads the key of a table entry; null if a worker would not have written it, or not in this
   * partition.
   */
  private @Nullable TableKey tableKey(ConsumerRecord<byte[], byte[]> record) {
    boolean isTooLarge = record.value() != null && record.value().length > MAX_ENTRY_BYTES;
    return isTooLarge ? null : TableKey.of(record, partitions, MAX_ENTRY_BYTES);
  }

  private static String header(ConsumerRecord<byte[], byte[]> record, String name) {
    Header header = record.headers().lastHeader(name);
    return header == null || header.value() == null
        ? "?"
        : new String(header.value(), StandardCharsets.UTF_8);
  }

  /** The id of this run: versions that a page has from another run mean nothing here. */
  String run() {
    return run;
  }

  /**
   * What is new to a page about sandboxes, or the first part of it.
   *
   * @param seen the version up to which the page knows sandboxes; 0 for a new page
   * @param seenGone the version up to which it knows which sandboxes are gone
   */
  synchronized Part sandboxes(long seen, long seenGone) {
    long[] to = new long[1];
    String json = json(out -> to[0] = sandboxes.write(seen, seenGone, out));
    return new Part(json, to[0], sandboxes.version());
  }

  /** The running commands; null if the page has this version. */
  synchronized @Nullable Part commands(long seen) {
    return part(seen, commands.version(), commands::write);
  }

  /** The latest failures; null if the page has this version. */
  synchronized @Nullable Part failures(long seen) {
    return part(seen, events.failures.version(), events.failures::write);
  }

  /** The latest dead letters; null if the page has this version. */
  synchronized @Nullable Part letters(long seen) {
    return part(seen, letters.version(), letters::write);
  }

  /** What happened to one user, as JSON. */
  synchronized String user(UserId user) {
    return json(out -> events.timelines.write(user, out));
  }

  /** The numbers of the fleet and its hosts, as JSON. */
  synchronized String overview() {
    long now = clock.millis();
    events.forget(following.upTo());
    return json(
        out -> {
          out.writeStartObject();
          out.writeNumberField("now", now);
          out.writeNumberField("since", since.toEpochMilli());
          out.writeNumberField("records", records);
          out.writeNumberField("sandboxes", sandboxes.all().size());
          out.writeNumberField("omitted", sandboxes.omitted());
          out.writeNumberField("commands", commands.size());
          out.writeNumberField("openEnsures", events.ensures.size());
          out.writeNumberField("openExecs", events.execs.size());
          out.writeNumberField("oldestEnsure", events.ensures.oldest());
          out.writeNumberField("failures", events.rates.recentFailures(now));
          out.writeNumberField("letters", letters.since(now - RECENTLY_MS));
          out.writeNumberField("users", events.timelines.users());
          following.write(out);
          group.write(out);
          events.rates.write(now, out);
          events.hosts.write(sandboxes.all(), commands.byHost(), out);
          out.writeEndObject();
        });
  }

  private static @Nullable Part part(long seen, long version, Writing writing) {
    return seen == version ? null : new Part(json(writing), version, version);
  }

  private static String json(Writing writing) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(1024);
    try (JsonGenerator json = JSON.createGenerator(bytes)) {
      writing.to(json);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }
}
