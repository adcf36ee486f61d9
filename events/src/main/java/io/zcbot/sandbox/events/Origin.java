/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Where a record comes from: its position in the log, its time, and what its headers say of its
 * value.
 *
 * @param timestamp the record's time: when the broker appended it, in the topics that agents write
 * @param id the {@code ce_id} header, as it is; null without one
 * @param contentType the {@code content-type} header; null without one
 */
public record Origin(
    String topic,
    int partition,
    long offset,
    Instant timestamp,
    @Nullable Data id,
    @Nullable String contentType) {
  private static final int MAX_CONTENT_TYPE_BYTES = 256;

  /** More than any valid id takes: a character in UTF-16 takes three bytes at most. */
  private static final int MAX_ID_BYTES = 3 * UntrustedText.MAX_LENGTH + 1;

  /** That of a record without headers. */
  public Origin(String topic, int partition, long offset, Instant timestamp) {
    this(topic, partition, offset, timestamp, null, null);
  }

  /** The same record at another position and time, at which it was before. */
  public Origin at(int partition, long offset, Instant timestamp) {
    return new Origin(topic, partition, offset, timestamp, id, contentType);
  }

  /**
   * The same position with what the record's headers say. Of headers that are too long to be valid,
   * only the beginning is kept.
   *
   * @param header gives the value of the last header with a name; null if there is none
   */
  public Origin with(Function<String, byte @Nullable []> header) {
    byte[] id = header.apply(CloudEvents.ID);
    byte[] type = header.apply(CloudEvents.CONTENT_TYPE);
    return id == null && type == null
        ? this
        : new Origin(
            topic,
            partition,
            offset,
            timestamp,
            id == null ? null : Data.of(id, 0, Math.min(id.length, MAX_ID_BYTES)),
            type == null
                ? null
                : new String(
                    type,
                    0,
                    Math.min(type.length, MAX_CONTENT_TYPE_BYTES),
                    StandardCharsets.UTF_8));
  }

  /** The id of an event without an id: unique, and the same on redelivery. */
  public String eventId() {
    return topic + "-" + partition + "-" + offset;
  }

  @Override
  public String toString() {
    return eventId();
  }
}
