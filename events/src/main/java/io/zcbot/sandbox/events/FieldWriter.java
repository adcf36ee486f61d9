/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.JsonSerializable;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.jsontype.TypeSerializer;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Writes one JSON object. What is null is left out. */
final class FieldWriter {
  private static final ObjectWriter WRITER =
      JsonMapper.builder()
          .enable(JsonWriteFeature.COMBINE_UNICODE_SURROGATES_IN_UTF8)
          .build()
          .writer();

  private final ObjectNode json = JsonNodeFactory.instance.objectNode();

  FieldWriter text(String field, @Nullable String value) {
    if (value != null) {
      json.put(field, value);
    }
    return this;
  }

  FieldWriter oneOf(String field, @Nullable WireName value) {
    return text(field, value == null ? null : value.wire());
  }

  FieldWriter time(String field, @Nullable Instant value) {
    return text(field, value == null ? null : value.toString());
  }

  FieldWriter number(String field, @Nullable Long value) {
    if (value != null) {
      json.put(field, value);
    }
    return this;
  }

  FieldWriter number(String field, @Nullable Integer value) {
    if (value != null) {
      json.put(field, value);
    }
    return this;
  }

  FieldWriter seconds(String field, @Nullable Duration value) {
    return number(field, value == null ? null : value.toSeconds());
  }

  FieldWriter bool(String field, @Nullable Boolean value) {
    if (value != null) {
      json.put(field, value);
    }
    return this;
  }

  FieldWriter texts(String field, List<String> values) {
    ArrayNode array = json.putArray(field);
    values.forEach(array::add);
    return this;
  }

  FieldWriter texts(String field, Map<String, String> values) {
    ObjectNode object = json.putObject(field);
    values.forEach(object::put);
    return this;
  }

  /** A text in well-formed UTF-8. */
  FieldWriter utf8(String field, byte[] value) {
    json.putPOJO(field, new Utf8Text(value));
    return this;
  }

  /** It would be decoded only to be encoded again. */
  private static final class Utf8Text extends JsonSerializable.Base {
    private final byte[] text;

    Utf8Text(byte[] text) {
      this.text = text;
    }

    @Override
    public void serialize(JsonGenerator to, SerializerProvider how) throws IOException {
      to.writeUTF8String(text, 0, text.length);
    }

    @Override
    public void serializeWithType(JsonGenerator to, SerializerProvider how, TypeSerializer type)
        throws IOException {
      serialize(to, how);
    }
  }

  FieldWriter bytes(String field, byte[] value) {
    json.put(field, value);
    return this;
  }

  FieldWriter object(String field, FieldWriter value) {
    json.set(field, value.json);
    return this;
  }

  /** The JSON in UTF-8. */
  byte[] toBytes() {
    try {
      return WRITER.writeValueAsBytes(json);
    } catch (JacksonException e) {
      throw new UncheckedIOException("an event of strings and numbers could not be serialized", e);
    }
  }
}
