/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Topic;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.kafka.common.header.Header;
import org.jspecify.annotations.Nullable;

/** Records that are no events, and the dead letters that account for them. */
final class Unreadable {
  /** Dead letters come after their record, but for clocks and repetitions. */
  private static final int EARLY_LETTERS_KEPT = 10_000;

  private final FoldContext context;
  private final Map<Place, Bad> open = new LinkedHashMap<>();
  private final LinkedHashMap<Place, Boolean> letters = new LinkedHashMap<>();

  private record Bad(long time, String problem) {}

  Unreadable(FoldContext context) {
    this.context = context;
  }

  void found(LogRecord record, EventFormatException problem) {
    context.tally().unreadable++;
    Place place = record.place();
    if (!place.topic().isInput()) {
      tell(place, problem.getMessage(), "");
    } else if (letters.remove(place) == null) {
      open.put(place, new Bad(record.time(), problem.getMessage()));
    }
  }

  void deadLetter(LogRecord record) {
    Place origin = origin(record);
    if (origin != null && open.remove(origin) == null) {
      letters.put(origin, true);
      if (letters.size() > EARLY_LETTERS_KEPT) {
        letters.pollFirstEntry();
      }
    }
  }

  private static @Nullable Place origin(LogRecord letter) {
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
          : new Place(topic, Integer.parseInt(partition), Long.parseLong(offset));
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
    long known = context.known().of(Topic.DEAD_LETTER);
    long since = known == Long.MIN_VALUE ? known : known + rules.skew().toMillis();
    open.forEach(
        (place, bad) -> {
          if (bad.time >= since
              && end > rules.answerDue(bad.time, bad.time + rules.expiry().toMillis())) {
            tell(place, bad.problem, ", and no dead letter names it");
          }
        });
  }

  private void tell(Place place, String problem, String more) {
    context.violation(
        Check.UNREADABLE, null, "a record is no event (" + problem + ")" + more, place);
  }
}
