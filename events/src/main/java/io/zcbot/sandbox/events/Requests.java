/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** What all records of agents have in common: an id and a time are taken from their origin. */
final class Requests {
  private Requests() {}

  static String eventId(Fields in, Origin origin) throws EventFormatException {
    String given = in.optionalText("event_id");
    return given != null ? given : origin.eventId();
  }

  static Instant time(Fields in, String field, Origin origin) throws EventFormatException {
    Instant given = in.optionalInstant(field);
    return given != null ? given : origin.timestamp();
  }

  /** A duration of at least one second. */
  static @Nullable Duration seconds(Fields in, String field, long most)
      throws EventFormatException {
    Long seconds = in.optionalWithin(field, 1, most);
    return seconds == null ? null : Duration.ofSeconds(seconds);
  }
}
