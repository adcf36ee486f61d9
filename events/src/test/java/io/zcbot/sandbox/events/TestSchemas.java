/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.networknt.schema.Error;
import com.networknt.schema.InputFormat;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** The schemas, and the judgement of schemas and codec about a record. */
final class TestSchemas {
  static final JsonMapper JSON = new JsonMapper();

  private static final String USER = "7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10";
  private static final Origin ORIGIN = new Origin("t", 0, 0, Instant.EPOCH);
  private static final SchemaRegistry REGISTRY =
      SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12);
  private static final Map<Topic, Schema> SCHEMAS = schemas();
  private static final Map<Topic, List<String>> FIELDS = new ConcurrentHashMap<>();

  private TestSchemas() {}

  private static Map<Topic, Schema> schemas() {
    Map<Topic, Schema> schemas = new EnumMap<>(Topic.class);
    for (Topic topic : Topic.values()) {
      if (topic != Topic.DEAD_LETTER) {
        schemas.put(topic, REGISTRY.getSchema(EventSchemas.json(topic), InputFormat.JSON));
      }
    }
    return schemas;
  }

  static Topic topic(String name) {
    return Arrays.stream(Topic.values())
        .filter(topic -> topic.named("").equals(name))
        .findFirst()
        .orElseThrow();
  }

  static JsonNode tree(Topic topic) {
    return tree(EventSchemas.json(topic));
  }

  static JsonNode tree(String json) {
    try {
      return JSON.readTree(json);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(json, e);
    }
  }

  static List<String> fields(Topic topic) {
    return FIELDS.computeIfAbsent(
        topic,
        any -> {
          List<String> fields = new ArrayList<>();
          tree(topic).path("properties").fieldNames().forEachRemaining(fields::add);
          return List.copyOf(fields);
        });
  }

  /** The errors that the schema of a topic reports for a record. */
  static List<Error> problems(Topic topic, String json) {
    return SCHEMAS
        .get(topic)
        .validate(
            json,
            InputFormat.JSON,
            context -> context.executionConfig(config -> config.formatAssertionsEnabled(true)));
  }

  static List<Error> problems(Topic topic, byte[] json) {
    return problems(topic, new String(json, StandardCharsets.UTF_8));
  }

  /** The codec's reason to refuse a record of this user; null if it reads it. */
  static @Nullable String refusal(Topic topic, String json) {
    return refusal(topic, USER.getBytes(StandardCharsets.US_ASCII), json);
  }

  static @Nullable String refusal(Topic topic, byte[] key, String json) {
    try {
      new EventCodec().decode(topic, key, json.getBytes(StandardCharsets.UTF_8), ORIGIN);
      return null;
    } catch (EventFormatException e) {
      return e.getMessage();
    }
  }
}
