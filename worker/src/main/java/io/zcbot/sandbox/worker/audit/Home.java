/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.audit.log.LogRecord;
import io.zcbot.sandbox.worker.audit.log.RecordPosition;

/**
 * The partition that a user belongs to, as far as records tell. All that workers write about the
 * user is in it, also the answer to a request that an agent wrote to another partition.
 */
final class Home {
  private static final int UNKNOWN = -1;

  private final FoldContext context;
  private int partition = UNKNOWN;

  Home(FoldContext context) {
    this.context = context;
  }

  /** Notes a record of the user. */
  void read(LogRecord record) {
    if (!record.topic().isInput() || record.isForwarded()) {
      partition = record.position().partition();
    }
  }

  /**
   * Whether all that the topic has about the user was read from this time on, allowing for clock
   * skew.
   *
   * @param near a record of the user: its partition counts too, as the user may have moved since
   */
  boolean isKnown(Topic topic, RecordPosition near, long time) {
    long since =
        partition == UNKNOWN
            ? context.known().of(topic)
            : Math.max(
                context.known().of(topic, partition), context.known().of(topic, near.partition()));
    return since == Long.MIN_VALUE || time - since > context.rules().skew().toMillis();
  }
}
