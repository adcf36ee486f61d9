/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Why topics do not take records, each for as long as somebody tries to publish there. */
final class PublishProblems {
  private final SortedMap<String, Problem> byTopic = new TreeMap<>();

  private record Problem(int senders, String text) {}

  /** For each topic; null if there are none. */
  synchronized @Nullable String text() {
    return byTopic.isEmpty()
        ? null
        : byTopic.values().stream().map(Problem::text).collect(Collectors.joining("; "));
  }

  /** Who publishes one record, and tries until that works or need not be done any more. */
  Sender sender(String topic) {
    return new Sender(topic);
  }

  final class Sender implements AutoCloseable {
    private final String topic;
    private boolean isFailing;

    private Sender(String topic) {
      this.topic = topic;
    }

    /** A try failed; whether none to that topic had before. */
    boolean failed(String text) {
      synchronized (PublishProblems.this) {
        Problem before = byTopic.get(topic);
        int others = before == null ? 0 : before.senders() - (isFailing ? 1 : 0);
        byTopic.put(topic, new Problem(others + 1, text));
        isFailing = true;
        return before == null;
      }
    }

    /** It does not try any more. */
    @Override
    public void close() {
      boolean _ = leave();
    }

    /** It need not try any more; whether it was the last whose tries failed. */
    boolean leave() {
      synchronized (PublishProblems.this) {
        Problem left = isFailing ? byTopic.get(topic) : null;
        isFailing = false;
        if (left == null) {
          return false;
        }
        if (left.senders() > 1) {
          byTopic.put(topic, new Problem(left.senders() - 1, left.text()));
          return false;
        }
        byTopic.remove(topic);
        return true;
      }
    }
  }
}
