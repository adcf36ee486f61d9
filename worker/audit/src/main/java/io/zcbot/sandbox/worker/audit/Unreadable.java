/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.audit.log.LogRecord;
import io.zcbot.sandbox.worker.audit.log.RecordPosition;
import io.zcbot.sandbox.worker.audit.result.Check;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.kafka.common.header.Header;
import org.jspecify.annotations.Nullable;

/** Matches records that are not valid events with their dead letters. */
final class Unreadable {
  /**
   * How many dead letters are kept that were read before their record, because of clocks or
   * repetitions, or whose record is a valid event.
   */
  private static final int EARLY_LETTERS_KEPT = 10_000;

  private final FoldContext context;
  private final Map<RecordPosition, Bad> open = new LinkedHashMap<>();
  private final LinkedHashMap<RecordPosition, Boolean> letters = new LinkedHashMap<>();

  private record Bad(long time, String problem) {}

  Unreadable(FoldContext context) {
    this.context = context;
  }

  void found(LogRecord record, EventFormatException problem) {
    context.counters().unreadable++;
    RecordPosition position = record.position();
    if (!position.topic().isInput()) {
      report(position, record.time(), problem.getMessage(), "");
    } else if (letters.remove(position) == null && record.time() >= lettersKnownSince()) {
      open.put(position, new Bad(record.time(), problem.getMessage()));
    }
  }

  void deadLetter(LogRecord record) {
    RecordPosition origin = origin(record);
    if (origin != null && open.remove(origin) == null) {
      letters.put(origin, true);
      if (letters.size() > EARLY_LETTERS_KEPT) {
        letters.pollFirstEntry();
      }
    }
  }

  /** Whether a valid request went to the dead-letter topic, as one that lies astray does. */
  boolean isDeadLetter(RecordPosition request) {
    return letters.containsKey(request);
  }

  private static @Nullable RecordPosition origin(LogRecord letter) {
    String name = letter.raw().topic();
    String prefix = name.substring(0, name.length() - Topic.DEAD_LETTER.named("").length());
    String topicName = header(letter, "zcbot_topic");
    String partition = header(letter, "zcbot_partition");
    String offset = header(letter, "zcbot_offset");
    if (topicName == null || partition == null || offset == null) {
      return null;
    }
    Topic topic = LogRecord.topic(topicName, prefix);
    try {
      return topic == null
          ? null
          : new RecordPosition(topic, Integer.parseInt(partition), Long.parseLong(offset));
    } catch (NumberFormatException _) {
      return null;
    }
  }

  private static @Nullable String header(LogRecord record, String name) {
    Header header = record.raw().headers().lastHeader(name);
    return header == null || header.value() == null
        ? null
        : new String(header.value(), StandardCharsets.UTF_8);
  }

  void finish(long end) {
    Rules rules = context.rules();
    long since = lettersKnownSince();
    open.forEach(
        (position, bad) -> {
          if (bad.time >= since
              && end > rules.answerDue(bad.time, bad.time + rules.expiry().toMillis())) {
            report(
                position, bad.time, bad.problem, ", and the dead-letter topic has no record of it");
          }
        });
  }

  /** Records from before may have had dead letters that retention deleted. */
  private long lettersKnownSince() {
    long known = context.known().of(Topic.DEAD_LETTER);
    return known == Long.MIN_VALUE ? known : known + context.rules().skew().toMillis();
  }

  private void report(RecordPosition position, long time, String problem, String more) {
    context.violation(
        Check.UNREADABLE,
        null,
        isOfWhatLasts(position.topic()) ? FoldContext.NO_END : time,
        "a record is not a valid event (" + problem + ")" + more,
        position);
  }

  /**
   * Whether a topic's record may concern later times: a sandbox may last, or a command run, long
   * after.
   */
  private static boolean isOfWhatLasts(Topic topic) {
    return topic == Topic.READY || topic == Topic.REAPED || topic == Topic.EXEC;
  }
}
