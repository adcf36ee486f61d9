/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.config.Durations;
import io.zcbot.sandbox.worker.kafka.LogRange;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jspecify.annotations.Nullable;

/** Finds out from the topics when users' sandboxes were last used. */
final class LastUses {
  /** The topics whose records are uses. */
  private static final Topic[] TOPICS = {Topic.READY, Topic.ACTIVITY, Topic.COMMANDS};

  private static final Duration LIMIT = Duration.ofSeconds(5);

  static final String WHY_UNKNOWN =
      "what was written within the idle TTL could not be read within " + Durations.shown(LIMIT);

  private static final EventCodec CODEC = new EventCodec();

  private LastUses() {}

  /** Returns the last use, which is the present if commands are running. */
  static @Nullable Instant with(int running, @Nullable Instant lastUse, Instant now) {
    return running > 0 ? now : lastUse;
  }

  /**
   * Reads the uses from an instant up to now, for at most 5 s.
   *
   * @return the last use of each user; null if time ran out, because the newest uses are read last
   */
  static @Nullable Map<UserId, Instant> since(RangeReader reader, Instant instant) {
    return read(reader, reader.since(instant, reader.partitions(TOPICS)), LIMIT);
  }

  /** Reads the uses of one user's sandbox, with a reader that has these topics. */
  static @Nullable Map<UserId, Instant> since(RangeReader reader, UserId user, Instant instant) {
    return read(reader, reader.since(instant, reader.partitions(user, TOPICS)), LIMIT);
  }

  static @Nullable Map<UserId, Instant> read(RangeReader reader, LogRange range, Duration limit) {
    Map<UserId, Instant> last = new HashMap<>();
    long deadline = System.nanoTime() + limit.toNanos();
    boolean isComplete =
        reader.read(
            range,
            deadline,
            record -> {
              UserId user = user(record, reader.topicPrefix());
              if (user != null) {
                last.merge(
                    user, Instant.ofEpochMilli(record.timestamp()), (a, b) -> a.isAfter(b) ? a : b);
              }
            });
    return isComplete ? last : null;
  }

  /** Returns the user whose use a record shows; null if it shows none. */
  private static @Nullable UserId user(ConsumerRecord<byte[], byte[]> record, String prefix) {
    if (!record.topic().equals(Topic.COMMANDS.named(prefix))) {
      SandboxEvent event = Records.event(record, prefix).event();
      return event == null ? null : event.userId();
    }
    try {
      return record.value() == null ? null : CODEC.decodeCommand(record.value()).userId();
    } catch (EventFormatException _) {
      return null; // not written by a worker
    }
  }
}
