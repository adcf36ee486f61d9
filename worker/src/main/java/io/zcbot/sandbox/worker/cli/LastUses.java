/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/** Reads from the topics when users' sandboxes were last used. */
final class LastUses {
  /** What tells of it. */
  private static final Topic[] TOPICS = {Topic.READY, Topic.ACTIVITY};

  private static final Duration LIMIT = Duration.ofSeconds(5);

  private LastUses() {}

  /** Reads the window up to now, or as far as the time limit allows. */
  static Map<UserId, Instant> since(KafkaLog log, Instant instant) throws CommandException {
    try (RangeReader reader = log.ranges(TOPICS)) {
      return read(reader, instant, reader.partitions(TOPICS));
    } catch (KafkaException e) {
      throw log.failed("read the last uses of sandboxes", e);
    }
  }

  /** The same for one user, with a reader of these topics; null if the window has no use. */
  static @Nullable Instant of(RangeReader reader, UserId user, Instant since) {
    return read(reader, since, reader.partitions(user, TOPICS)).get(user);
  }

  private static Map<UserId, Instant> read(
      RangeReader reader, Instant since, Collection<TopicPartition> partitions) {
    Map<UserId, Instant> last = new HashMap<>();
    long deadline = System.nanoTime() + LIMIT.toNanos();
    boolean _ =
        reader.read(
            reader.since(since, partitions),
            deadline,
            record -> {
              SandboxEvent event = Records.event(record, reader.topicPrefix()).event();
              if (event != null) {
                last.merge(
                    event.userId(),
                    Instant.ofEpochMilli(record.timestamp()),
                    (a, b) -> a.isAfter(b) ? a : b);
              }
            });
    return last;
  }
}
