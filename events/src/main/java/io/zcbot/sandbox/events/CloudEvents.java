/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * CloudEvents 1.0 attributes of an event as Kafka record headers (binary content mode of the Kafka
 * protocol binding, CloudEvents 1.0.2, section 3.2).
 */
public final class CloudEvents {
  /** The header with the event's id. Readers use it if the event itself has no {@code event_id}. */
  public static final String ID = "ce_id";

  /** The header with the media type of the record's value. */
  public static final String CONTENT_TYPE = "content-type";

  static final String VERSION = "1.0";
  static final String TYPE_PREFIX = "io.zcbot.";

  private CloudEvents() {}

  /**
   * Returns the CloudEvents headers of an event, including {@link #CONTENT_TYPE}.
   *
   * @param source the publisher as a URI reference, e.g. {@code /zcbot/sandbox/worker-1}
   * @return header names and values, in a new map
   */
  public static Map<String, String> headers(SandboxEvent event, String source) {
    Map<String, String> headers = new LinkedHashMap<>();
    headers.put("ce_specversion", VERSION);
    headers.put(ID, event.eventId());
    headers.put("ce_type", type(event.topic()));
    headers.put("ce_source", source);
    headers.put("ce_time", event.at().toString());
    headers.put("ce_subject", event.userId().toString());
    headers.put("ce_dataschema", EventSchemas.id(event.topic()));
    headers.put(CONTENT_TYPE, "application/json");
    return headers;
  }

  /**
   * Returns the CloudEvents type of a topic's events, e.g. {@code io.zcbot.sandbox.ready}. The type
   * does not depend on the prefix of the topic names.
   */
  public static String type(Topic topic) {
    return TYPE_PREFIX + topic.named(Topic.DEFAULT_PREFIX);
  }
}
