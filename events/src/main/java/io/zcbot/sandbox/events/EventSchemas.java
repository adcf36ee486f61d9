/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/**
 * The JSON Schemas (2020-12) of what the topics carry. They describe records as they are written;
 * readers ignore fields that a schema does not have, and go on where it lists values and there is
 * another one.
 */
public final class EventSchemas {
  /** Raised if a change breaks readers or writers, which none is planned to do. */
  private static final int VERSION = 1;

  private EventSchemas() {}

  /**
   * The id of a topic's schema, a URN. It stays the same while changes are compatible.
   *
   * @throws IllegalArgumentException if the topic has none, because it carries what is no event
   */
  public static String id(Topic topic) {
    requireSchema(topic);
    return "urn:zcbot:sandbox:" + topic.named("") + ":" + VERSION;
  }

  /**
   * The schema of a topic's records, as JSON.
   *
   * @throws IllegalArgumentException if the topic has none, because it carries what is no event
   */
  public static String json(Topic topic) {
    requireSchema(topic);
    String file = "/schemas/" + topic.named("") + ".json";
    try (InputStream in = EventSchemas.class.getResourceAsStream(file)) {
      if (in == null) {
        throw new IllegalStateException("the jar of the events lacks " + file);
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException("reading " + file + " from the jar of the events failed", e);
    }
  }

  private static void requireSchema(Topic topic) {
    if (topic == Topic.DEAD_LETTER) {
      throw new IllegalArgumentException("dead letters have no schema: they are no valid events");
    }
  }
}
