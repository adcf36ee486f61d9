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
 * The topics for replies that were named lately, a bounded number. Those that exist are kept apart
 * from the others, so that no flood of invented names makes them forgotten. Not thread-safe.
 */
final class ReplyTopics {
  /** Of topics for which nobody waits, of all and of one. */
  static final int MOST_BYTES_LATE = 6 * 1024 * 1024;

  private static final int MOST_BYTES_OF_A_LATE_ONE = 256 * 1024;

  private final int most;
  private final Map<String, ReplyTopic> existing = leastRecentlyUsedFirst();
  private final Map<String, ReplyTopic> others = leastRecentlyUsedFirst();

  /**
   * None yet.
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

  /** A topic turned out to exist. False if there is no room for one more of those. */
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

  /** Whether a topic for which nobody waits may keep one more copy: nothing else keeps it. */
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

  /** Nobody waits for a topic any more; returns the copies that it may not keep. */
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

  /** All of them. */
  List<ReplyTopic> all() {
    List<ReplyTopic> all = new ArrayList<>(existing.values());
    all.addAll(others.values());
    return all;
  }
}
