/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.core.io.JsonEOFException;
import com.fasterxml.jackson.core.util.BufferRecycler;
import com.fasterxml.jackson.core.util.JsonRecyclerPools;
import com.fasterxml.jackson.core.util.RecyclerPool;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Parses the fields of one JSON object. Nested values are skipped unless they are wanted, so
 * hostile input does not create a tree of objects.
 */
final class FieldParser {
  /** Bounds the memory for a record of many tiny fields, which would take many times its size. */
  static final int MAX_FIELDS = 1024;

  /**
   * Jackson's buffers for reading and writing. By default Jackson keeps them by thread, so that a
   * virtual thread that lives for one event would create its own. The pool has as many as threads
   * run at a time.
   */
  static final RecyclerPool<BufferRecycler> BUFFERS = JsonRecyclerPools.newBoundedPool(16);

  private static final JsonFactory JSON =
      JsonFactory.builder()
          .recyclerPool(BUFFERS)
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(16)
                  .maxStringLength(Topic.LARGE_BYTES)
                  .maxNameLength(Topic.LARGE_BYTES)
                  .maxNumberLength(64)
                  .build())
          .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
          // Field names are input: they must not fill tables that outlive the record.
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
          .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
          .build();

  private FieldParser() {}

  /**
   * An array or object whose content is kept.
   *
   * @param most how many elements or fields it may have
   * @param inside the nested arrays and objects whose content is kept, by field
   */
  record Wanted(int most, Map<String, Wanted> inside) {
    Wanted(int most) {
      this(most, Map.of());
    }
  }

  /**
   * Parses a record value, which must be one JSON object in UTF-8.
   *
   * @param topic the record's topic
   * @param wanted fields whose arrays or objects are kept
   */
  static Map<String, FieldValue> parse(
      byte @Nullable [] value, Topic topic, Map<String, Wanted> wanted)
      throws EventFormatException {
    if (value == null) {
      throw new EventFormatException("value", "missing; send a JSON object");
    }
    int maxBytes = topic.maxBytes();
    if (value.length > maxBytes) {
      throw new EventFormatException(
          "value", "is " + value.length + " bytes; at most " + maxBytes + " are allowed");
    }
    // Decoded first: given bytes, Jackson would accept UTF-16, UTF-32 and malformed UTF-8.
    String text = Utf8.decode(value);
    if (text == null) {
      throw new EventFormatException("value", "is not UTF-8");
    }
    try (JsonParser json = JSON.createParser(text)) {
      if (json.nextToken() != JsonToken.START_OBJECT) {
        throw new EventFormatException("value", "is not a JSON object; send {\"user_id\": …}");
      }
      Map<String, FieldValue> values = object(json, wanted);
      if (json.nextToken() != null) {
        throw new EventFormatException("value", "has content after its JSON object; remove it");
      }
      return values;
    } catch (JacksonException e) {
      throw new EventFormatException("value", "is not JSON" + why(e, topic) + at(e));
    } catch (IOException e) {
      throw new UncheckedIOException("reading from memory failed", e);
    }
  }

  private static Map<String, FieldValue> object(JsonParser json, Map<String, Wanted> wanted)
      throws IOException, EventFormatException {
    Map<String, FieldValue> values = new HashMap<>();
    for (String name = json.nextFieldName(); name != null; name = json.nextFieldName()) {
      if (values.put(name, value(json, json.nextToken(), name, wanted.get(name))) != null) {
        throw new EventFormatException("value", twice(name));
      }
      if (values.size() > MAX_FIELDS) {
        throw new EventFormatException(
            "value", "has more than " + MAX_FIELDS + " fields; send fewer");
      }
    }
    return values;
  }

  private static FieldValue value(
      JsonParser json, JsonToken token, String field, @Nullable Wanted wanted)
      throws IOException, EventFormatException {
    return wanted != null && token.isStructStart()
        ? new FieldValue(token, "", members(json, field, wanted))
        : flat(json, token);
  }

  /** Reads the content of the array or object that begins here. */
  private static List<FieldValue.Member> members(JsonParser json, String field, Wanted wanted)
      throws IOException, EventFormatException {
    boolean isObject = json.currentToken() == JsonToken.START_OBJECT;
    List<FieldValue.Member> members = new ArrayList<>();
    Set<String> names = new HashSet<>();
    while (true) {
      JsonToken token = json.nextToken();
      if (token.isStructEnd()) {
        return members;
      }
      if (members.size() == wanted.most()) {
        throw new EventFormatException(
            field,
            "has more than "
                + wanted.most()
                + (isObject ? " fields" : " elements")
                + "; send fewer");
      }
      String name = "";
      if (isObject) {
        name = json.currentName();
        token = json.nextToken();
        if (!names.add(name)) {
          throw new EventFormatException(field, twice(name));
        }
      }
      members.add(new FieldValue.Member(name, value(json, token, name, wanted.inside().get(name))));
    }
  }

  /** Reads a value without its nested content. */
  private static FieldValue flat(JsonParser json, JsonToken token) throws IOException {
    if (token.isStructStart()) {
      json.skipChildren();
      return FieldValue.scalar(token, "");
    }
    return FieldValue.scalar(token, json.getText());
  }

  private static String twice(String name) {
    return "has the field " + UntrustedText.quoteName(name) + " twice; send it once";
  }

  /**
   * Jackson's message, unless it may quote what a command reads or writes. At the end of the input
   * it runs two messages together.
   */
  private static String why(JacksonException e, Topic topic) {
    if (e instanceof JsonEOFException) {
      return ": it ends too early; send it whole";
    }
    return topic.holdsCommandData() && !(e instanceof StreamConstraintsException)
        ? ""
        : ": " + UntrustedText.quote(e.getOriginalMessage());
  }

  private static String at(JacksonException e) {
    JsonLocation at = e.getLocation(); // null where a limit was exceeded
    return at == null ? "" : " (line " + at.getLineNr() + ", column " + at.getColumnNr() + ")";
  }
}
