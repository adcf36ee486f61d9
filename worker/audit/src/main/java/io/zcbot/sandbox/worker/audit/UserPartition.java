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
final class UserPartition {
  private static final int UNKNOWN = -1;

  private final FoldContext context;
  private int partition = UNKNOWN;
  private boolean isProven;

  UserPartition(FoldContext context) {
    this.context = context;
  }

  /** Notes a record of the user. Anybody may claim that one was forwarded. */
  void read(LogRecord record) {
    boolean isOfWorker = !record.topic().isInput();
    if (isOfWorker || (!isProven && record.isForwarded())) {
      partition = record.position().partition();
      isProven |= isOfWorker;
    }
  }

  /** Whether all that the topic has about the user was read from this time on. */
  boolean isKnown(Topic topic, RecordPosition near, long time) {
    return time >= knownSince(topic, near);
  }

  /**
   * The time from which on all that the topic has about the user was read, allowing for clock skew;
   * {@code Long.MIN_VALUE} if nothing is missing.
   *
   * @param near a record of the user: its partition counts too, as the user may have moved since
   */
  long knownSince(Topic topic, RecordPosition near) {
    long since =
        partition == UNKNOWN
            ? context.known().of(topic)
            : Math.max(
                context.known().of(topic, partition), context.known().of(topic, near.partition()));
    return since == Long.MIN_VALUE ? since : since + context.rules().skew().toMillis() + 1;
  }
}
