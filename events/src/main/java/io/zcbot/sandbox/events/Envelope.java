/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A CloudEvent in structured content mode: a JSON object whose {@code data} is the event. Its other
 * attributes are checked only for contradictions with the topic.
 */
final class Envelope {
  static final String ID = "id";

  private static final String MEDIA_TYPES = "application/cloudevents";
  private static final String MEDIA_TYPE = MEDIA_TYPES + "+json";

  private Envelope() {}

  /**
   * Whether the record's content type is one of CloudEvents, including those that {@link #open}
   * refuses.
   */
  static boolean isAround(Origin origin) {
    return origin.contentType() != null
        && origin.contentType().toLowerCase(Locale.ROOT).startsWith(MEDIA_TYPES);
  }

  /**
   * Reads the event in the envelope.
   *
   * @param wanted the event's fields whose arrays or objects are read
   */
  static Fields open(
      byte @Nullable [] value, Topic topic, Origin origin, Map<String, FieldParser.Wanted> wanted)
      throws EventFormatException {
    requireJson(origin);
    Map<String, FieldParser.Wanted> data =
        Map.of("data", new FieldParser.Wanted(FieldParser.MAX_FIELDS, wanted));
    Fields envelope = new Fields("", FieldParser.parse(value, topic, data));
    if (envelope.has("data_base64")) {
      throw envelope.refusal("data_base64", "is not read; send the event in data, as an object");
    }
    String version = envelope.optionalText("specversion");
    if (version != null && !version.equals(CloudEvents.VERSION)) {
      throw envelope.refusal(
          "specversion", "is " + UntrustedText.quote(version) + "; make it " + CloudEvents.VERSION);
    }
    String type = envelope.optionalText("type");
    String expected = CloudEvents.type(topic);
    if (type != null && type.startsWith(CloudEvents.TYPE_PREFIX) && !type.equals(expected)) {
      throw envelope.refusal(
          "type",
          "is "
              + UntrustedText.quote(type)
              + ", but this topic is for "
              + expected
              + "; send it to its own topic");
    }
    envelope.optionalText("source");
    Fields event = envelope.optionalObject("data");
    if (event == null) {
      throw envelope.refusal("data", "missing; make it the event, a JSON object");
    }
    return event.inEnvelope(envelope.optionalText(ID));
  }

  private static void requireJson(Origin origin) throws EventFormatException {
    String type = String.valueOf(origin.contentType());
    int parameters = type.indexOf(';');
    String plain = parameters < 0 ? type : type.substring(0, parameters);
    if (!plain.strip().equalsIgnoreCase(MEDIA_TYPE)) {
      throw new EventFormatException(
          CloudEvents.CONTENT_TYPE,
          "is " + UntrustedText.quote(type) + "; send one event in " + MEDIA_TYPE);
    }
  }
}
