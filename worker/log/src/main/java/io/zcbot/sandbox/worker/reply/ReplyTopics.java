/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reply;

import io.zcbot.sandbox.worker.reply.ReplyTopic.Copy;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The topics for replies that were named recently, up to a bound. Topics that exist are kept apart
 * from the others, so that a flood of invented names does not displace them. Guarded by the lock of
 * {@link ReplyCopies}.
 */
final class ReplyTopics {
  /** Bounds of the bytes that wait for late topics, for all and for one. */
  static final int MOST_BYTES_LATE = 6 * 1024 * 1024;

  private static final int MOST_BYTES_OF_A_LATE_ONE = 256 * 1024;

  private final int most;
  private final Map<String, ReplyTopic> existing = leastRecentlyUsedFirst();
  private final Map<String, ReplyTopic> others = leastRecentlyUsedFirst();

  /**
   * Starts without topics.
   *
   * @param most how many are kept of those that exist, and of the others
   */
  ReplyTopics(int most) {
    this.most = most;
  }

  private static Map<String, ReplyTopic> leastRecentlyUsedFirst() {
    return new LinkedHashMap<>(16, 0.75f, true);
  }

  /** The topic of this name; null if there is no room for one more. */
  @Nullable ReplyTopic of(String name) {
    ReplyTopic known = existing.get(name);
    if (known == null) {
      known = others.get(name);
    }
    return known == null ? add(others, new ReplyTopic(name)) : known;
  }

  /** Moves a topic to those that exist; false if there is no room. */
  boolean moveToExisting(ReplyTopic topic) {
    others.remove(topic.name);
    return existing.containsKey(topic.name) || add(existing, topic) != null;
  }

  private @Nullable ReplyTopic add(Map<String, ReplyTopic> to, ReplyTopic topic) {
    if (to.size() >= most && !dropIdle(to)) {
      return null;
    }
    to.put(topic.name, topic);
    return topic;
  }

  private static boolean dropIdle(Map<String, ReplyTopic> from) {
    for (Iterator<ReplyTopic> each = from.values().iterator(); each.hasNext(); ) {
      if (each.next().isIdle()) {
        each.remove();
        return true;
      }
    }
    return false;
  }

  /**
   * Whether a late topic may keep one more copy. Its callers do not wait, so memory alone bounds
   * them.
   */
  boolean mayKeep(ReplyTopic topic, Copy copy) {
    int there = topic.bytes + topic.waitingBytes();
    return (there == 0 || there + copy.size() <= MOST_BYTES_OF_A_LATE_ONE)
        && lateBytes() + copy.size() <= MOST_BYTES_LATE;
  }

  private int lateBytes() {
    return Stream.of(existing, others)
        .flatMap(each -> each.values().stream())
        .filter(topic -> topic.isLate)
        .mapToInt(ReplyTopic::waitingBytes)
        .sum();
  }

  /** Marks a topic as late; removes and returns the copies that it may not keep. */
  List<Copy> late(ReplyTopic topic) {
    topic.isLate = true;
    List<Copy> dropped = new ArrayList<>();
    for (Copy copy : topic.takeAll()) {
      if (mayKeep(topic, copy)) {
        topic.add(copy);
      } else {
        dropped.add(copy);
      }
    }
    return dropped;
  }

  List<ReplyTopic> all() {
    List<ReplyTopic> all = new ArrayList<>(existing.values());
    all.addAll(others.values());
    return all;
  }
}
