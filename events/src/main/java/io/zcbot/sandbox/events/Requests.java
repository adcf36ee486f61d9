/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What all records of agent services have in common: each is a plain event or an event in an
 * envelope, and a missing id or time is taken from its origin.
 */
final class Requests {
  private static final String EVENT_ID = "event_id";

  /** What follows the topic in {@link Origin#eventId()}. */
  private static final Pattern POSITION = Pattern.compile("-\\d+-\\d+");

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
      return given(origin, most, in.path(EVENT_ID), own);
    }
    if (in.envelopeId() != null) {
      return given(origin, most, Envelope.ID, in.envelopeId());
    }
    if (origin.id() == null || Envelope.isAround(origin)) {
      return origin.eventId();
    }
    String id = origin.id().text();
    if (id == null) {
      throw new EventFormatException(CloudEvents.ID, "is not UTF-8");
    }
    return given(origin, most, CloudEvents.ID, CheckedText.name(CloudEvents.ID, id));
  }

  /** An id that somebody chose, and so not one that a request without an id may have or get. */
  private static String given(Origin origin, int most, String where, String id)
      throws EventFormatException {
    String topic = origin.topic();
    if (id.startsWith(topic) && POSITION.matcher(id.substring(topic.length())).matches()) {
      throw new EventFormatException(
          where,
          "is the position of a record of the topic, which only a request without an id has as"
              + " its id; choose another, for example a UUID");
    }
    return within(most, where, id);
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
