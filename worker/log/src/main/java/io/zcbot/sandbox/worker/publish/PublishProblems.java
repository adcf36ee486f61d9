/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Why topics do not take records. A problem lasts while a failed record is being retried.
 * Thread-safe.
 */
final class PublishProblems {
  private final SortedMap<String, Problem> byTopic = new TreeMap<>();

  private record Problem(int senders, String text) {}

  /** The problems of all topics; null if there are none. */
  synchronized @Nullable String text() {
    return byTopic.isEmpty()
        ? null
        : byTopic.values().stream().map(Problem::text).collect(Collectors.joining("; "));
  }

  /** Begins to publish one record to a topic. */
  Sender sender(String topic) {
    return new Sender(topic);
  }

  final class Sender implements AutoCloseable {
    private final String topic;
    private boolean isFailing;

    private Sender(String topic) {
      this.topic = topic;
    }

    /** Notes a failed try; returns whether the topic had no problem before. */
    boolean failed(String text) {
      synchronized (PublishProblems.this) {
        Problem before = byTopic.get(topic);
        int others = before == null ? 0 : before.senders() - (isFailing ? 1 : 0);
        byTopic.put(topic, new Problem(others + 1, text));
        isFailing = true;
        return before == null;
      }
    }

    /** Ends the tries, whatever their outcome. */
    @Override
    public void close() {
      boolean _ = leave();
    }

    /** Ends the tries; returns whether that ended the topic's problem. */
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
