/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What all records of agent services have in common: each is a plain event or an event in an
 * envelope, and a missing id or time is taken from its origin.
 */
final class Requests {
  private static final String EVENT_ID = "event_id";

  private Requests() {}

  /** Reads the fields of an agent service's event. */
  static Fields fields(byte @Nullable [] value, Topic topic, Origin origin)
      throws EventFormatException {
    return fields(value, topic, origin, Map.of());
  }

  /**
   * As {@link #fields(byte[], Topic, Origin)}, with nested values.
   *
   * @param wanted fields whose arrays or objects are read
   */
  static Fields fields(
      byte @Nullable [] value, Topic topic, Origin origin, Map<String, FieldParser.Wanted> wanted)
      throws EventFormatException {
    return Envelope.isAround(origin)
        ? Envelope.open(value, topic, origin, wanted)
        : new Fields("", FieldParser.parse(value, topic, wanted));
  }

  static String eventId(Fields in, Origin origin) throws EventFormatException {
    return eventId(in, origin, UntrustedText.MAX_LENGTH);
  }

  /**
   * The id: the event's own, else that of its envelope or header, else its position.
   *
   * @param most how many characters it may have
   */
  static String eventId(Fields in, Origin origin, int most) throws EventFormatException {
    String own = in.optionalText(EVENT_ID);
    if (own != null) {
      return within(most, in.path(EVENT_ID), own);
    }
    if (in.envelopeId() != null) {
      return within(most, Envelope.ID, in.envelopeId());
    }
    if (origin.id() == null || Envelope.isAround(origin)) {
      return origin.eventId();
    }
    String id = origin.id().text();
    if (id == null) {
      throw new EventFormatException(CloudEvents.ID, "is not UTF-8");
    }
    return within(most, CloudEvents.ID, CheckedText.name(CloudEvents.ID, id));
  }

  /** An id of at most so many characters. */
  static String within(int most, String where, String id) throws EventFormatException {
    if (id.length() > most) {
      throw new EventFormatException(
          where, "is " + id.length() + " characters long; at most " + most + " are allowed");
    }
    return id;
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
