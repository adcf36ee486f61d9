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
 * Where a record comes from: its position in the log, its timestamp, and the headers that describe
 * its value.
 *
 * @param timestamp the record's timestamp; in the topics that agent services write, the time at
 *     which the broker appended it
 * @param id the {@code ce_id} header, undecoded; null if there is none
 * @param contentType the {@code content-type} header; null if there is none
 */
public record Origin(
    String topic,
    int partition,
    long offset,
    Instant timestamp,
    @Nullable Data id,
    @Nullable String contentType) {
  private static final int MAX_CONTENT_TYPE_BYTES = 256;

  /** More than a valid id needs: a character in UTF-16 takes at most three bytes in UTF-8. */
  private static final int MAX_ID_BYTES = 3 * UntrustedText.MAX_LENGTH + 1;

  /** Creates the origin of a record without headers. */
  public Origin(String topic, int partition, long offset, Instant timestamp) {
    this(topic, partition, offset, timestamp, null, null);
  }

  /** Returns the origin of the same record at the position and time that it had before. */
  public Origin at(int partition, long offset, Instant timestamp) {
    return new Origin(topic, partition, offset, timestamp, id, contentType);
  }

  /**
   * Returns the same position with the content of the record's headers. Only the beginning is kept
   * of headers that are too long to be valid.
   *
   * @param header returns the value of the last header with a name, or null if there is none
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

  /**
   * Returns the id of an event that has no id itself, {@code topic-partition-offset}: unique, and
   * the same on redelivery.
   */
  public String eventId() {
    return topic + "-" + partition + "-" + offset;
  }

  @Override
  public String toString() {
    return eventId();
  }
}
