/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.log;

import io.zcbot.sandbox.events.Topic;

/** A record's position in the log, the evidence of a violation. */
public record RecordPosition(Topic topic, int partition, long offset) {
  /** Topic, partition and offset, e.g. {@code sandbox.ready-3-17}. */
  public String named(String topicPrefix) {
    return topic.named(topicPrefix) + "-" + partition + "-" + offset;
  }

  @Override
  public String toString() {
    return named(Topic.DEFAULT_PREFIX);
  }

  /** The brokers' own order, where there is one: within a partition. */
  public boolean isComparableTo(RecordPosition other) {
    return topic == other.topic && partition == other.partition;
  }
}
