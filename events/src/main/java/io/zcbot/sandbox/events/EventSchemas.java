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
 * JSON Schemas (draft 2020-12) of the records in the topics. They describe records as they are
 * written. Readers ignore fields that a schema does not have, and accept values that are not in a
 * schema's list of values.
 */
public final class EventSchemas {
  /** Raised only by a change that breaks readers or writers. None is planned. */
  private static final int VERSION = 1;

  private EventSchemas() {}

  /**
   * Returns the id of a topic's schema, a URN. It stays the same as long as changes are compatible.
   *
   * @throws IllegalArgumentException if the topic is {@link Topic#DEAD_LETTER}, which has no schema
   */
  public static String id(Topic topic) {
    requireSchema(topic);
    return "urn:zcbot:sandbox:" + topic.named("") + ":" + VERSION;
  }

  /**
   * Returns the schema of a topic's records as JSON.
   *
   * @throws IllegalArgumentException if the topic is {@link Topic#DEAD_LETTER}, which has no schema
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
