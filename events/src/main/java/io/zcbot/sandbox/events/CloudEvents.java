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
  private CloudEvents() {}

  /**
   * Header names and values.
   *
   * @param source the publisher as a URI reference, e.g. {@code /zcbot/sandbox/worker-1}
   */
  public static Map<String, String> headers(SandboxEvent event, String source) {
    Map<String, String> headers = new LinkedHashMap<>();
    headers.put("ce_specversion", "1.0");
    headers.put("ce_id", event.eventId());
    headers.put("ce_type", "io.zcbot." + event.topic().named(Topic.DEFAULT_PREFIX));
    headers.put("ce_source", source);
    headers.put("ce_time", event.at().toString());
    headers.put("ce_subject", event.userId().toString());
    headers.put("content-type", "application/json");
    return headers;
  }
}
