/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Instant;

/**
 * A record's position in the log, and its time.
 *
 * @param timestamp the record's time: when the broker appended it, in the topics that agents write
 */
public record Origin(String topic, int partition, long offset, Instant timestamp) {
  /** The id of an event without an id: unique, and the same on redelivery. */
  public String eventId() {
    return topic + "-" + partition + "-" + offset;
  }

  @Override
  public String toString() {
    return eventId();
  }
}
