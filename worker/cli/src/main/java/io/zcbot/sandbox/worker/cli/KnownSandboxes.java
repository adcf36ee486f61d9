/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.time.Instant;
import java.util.Map;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;

/**
 * What the topics say about all sandboxes. Read over one connection, because a second client takes
 * longer than all that is read.
 *
 * @param live the live table, by container id
 * @param lastUsed the last use within the time that was read, by user; null if there was too much
 *     to read in time
 * @param commands number of commands that are not answered yet, by user; users without commands are
 *     left out
 */
record KnownSandboxes(
    Map<String, LiveSandbox> live,
    @Nullable Map<UserId, Instant> lastUsed,
    Map<UserId, Integer> commands) {
  /**
   * Reads the topics.
   *
   * @param usesSince the instant from which on uses are read
   */
  static KnownSandboxes read(KafkaLog log, Instant usesSince) throws CommandException {
    try (RangeReader reader = log.ranges(Topic.LIVE, Topic.READY, Topic.ACTIVITY, Topic.COMMANDS)) {
      return new KnownSandboxes(
          LiveEntries.all(reader), LastUses.since(reader, usesSince), RunningCounts.counts(reader));
    } catch (KafkaException e) {
      throw log.failed("read what is known of sandboxes", e);
    }
  }

  int commands(UserId user) {
    return commands.getOrDefault(user, 0);
  }

  /** Returns the last use of a user's sandbox; null if it is before what was read, or not known. */
  @Nullable Instant lastUse(UserId user, Instant now) {
    return LastUses.with(commands(user), lastUsed == null ? null : lastUsed.get(user), now);
  }

  /** Prints what could not be read. */
  void tellGaps(Console console) {
    if (lastUsed == null) {
      console.err().println("idle times are not known: " + LastUses.WHY_UNKNOWN);
    }
  }
}
