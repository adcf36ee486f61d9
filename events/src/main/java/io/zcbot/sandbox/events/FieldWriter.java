/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import com.fasterxml.jackson.core.JsonEncoding;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.core.util.ByteArrayBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Writes one JSON object. Fields that are null are left out. An instance can be used once. */
final class FieldWriter {
  /** Most results fit into this size, so that they need no second block. */
  private static final int USUAL_BYTES = 1000;

  private static final JsonFactory JSON =
      new JsonFactoryBuilder()
          .enable(JsonWriteFeature.COMBINE_UNICODE_SURROGATES_IN_UTF8)
          .recyclerPool(FieldParser.BUFFERS)
          .build();

  private final ByteArrayBuilder bytes = new ByteArrayBuilder(USUAL_BYTES);
  private final JsonGenerator json;

  FieldWriter() {
    try {
      json = JSON.createGenerator(bytes, JsonEncoding.UTF8);
      json.writeStartObject();
    } catch (IOException e) {
      throw failure(e);
    }
  }

  FieldWriter text(String field, @Nullable String value) {
    return value == null ? this : write(field, () -> json.writeString(value));
  }

  FieldWriter oneOf(String field, @Nullable WireName value) {
    return text(field, value == null ? null : value.wire());
  }

  FieldWriter time(String field, @Nullable Instant value) {
    return text(field, value == null ? null : value.toString());
  }

  FieldWriter number(String field, @Nullable Long value) {
    return value == null ? this : write(field, () -> json.writeNumber(value));
  }

  FieldWriter number(String field, @Nullable Integer value) {
    return value == null ? this : write(field, () -> json.writeNumber(value));
  }

  FieldWriter seconds(String field, @Nullable Duration value) {
    return number(field, value == null ? null : value.toSeconds());
  }

  FieldWriter bool(String field, @Nullable Boolean value) {
    return value == null ? this : write(field, () -> json.writeBoolean(value));
  }

  FieldWriter texts(String field, List<String> values) {
    return write(field, () -> json.writeArray(values.toArray(String[]::new), 0, values.size()));
  }

  FieldWriter texts(String field, Map<String, String> values) {
    return object(field, to -> values.forEach(to::text));
  }

  /** Writes a text that is well-formed UTF-8 already, without decoding and encoding it again. */
  FieldWriter utf8(String field, byte[] value) {
    return write(field, () -> json.writeUTF8String(value, 0, value.length));
  }

  FieldWriter bytes(String field, byte[] value) {
    return write(field, () -> json.writeBinary(value));
  }

  /** Writes an object whose fields are written by this writer. */
  FieldWriter object(String field, Consumer<FieldWriter> fields) {
    return write(
        field,
        () -> {
          json.writeStartObject();
          fields.accept(this);
          json.writeEndObject();
        });
  }

  /** Writes an array of objects, whose fields are written by this writer. */
  <T> FieldWriter objects(String field, List<T> values, Consumer<T> fields) {
    return write(
        field,
        () -> {
          json.writeStartArray();
          for (T value : values) {
            json.writeStartObject();
            fields.accept(value);
            json.writeEndObject();
          }
          json.writeEndArray();
        });
  }

  /** Ends the object and returns the JSON in UTF-8. Nothing can be written afterwards. */
  byte[] toBytes() {
    try {
      json.writeEndObject();
      json.close();
      return bytes.toByteArray();
    } catch (IOException e) {
      throw failure(e);
    }
  }

  private FieldWriter write(String field, Write value) {
    try {
      json.writeFieldName(field);
      value.write();
      return this;
    } catch (IOException e) {
      throw failure(e);
    }
  }

  private static UncheckedIOException failure(IOException e) {
    return new UncheckedIOException("an event of strings and numbers could not be serialized", e);
  }

  /** Writes a value. */
  private interface Write {
    void write() throws IOException;
  }
}
