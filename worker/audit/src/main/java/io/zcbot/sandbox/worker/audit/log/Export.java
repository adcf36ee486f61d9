/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.log;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.MinimalPrettyPrinter;
import java.io.IOException;
import java.io.Writer;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.header.Header;
import org.jspecify.annotations.Nullable;

/**
 * Writes raw records as JSON, one per line, after a line that describes the export and before one
 * that says that it is complete. Bytes are written as text if they are UTF-8, otherwise in base64
 * under another name: {@code value_base64}.
 */
public final class Export implements AutoCloseable {
  static final String FORMAT = "sandbox-export-1";

  private static final int LAST_PRINTABLE = '~';

  private record Cut(RecordPosition partition, long since) {}

  private final JsonGenerator json;
  private final CharsetDecoder utf8 = StandardCharsets.UTF_8.newDecoder();

  /**
   * Begins an export. The writer stays open.
   *
   * @param source whose records will be written
   */
  public Export(Writer out, LogSource source) throws IOException {
    json = new JsonFactory().createGenerator(out).disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET);
    // On a terminal as well it is only text.
    json.setHighestNonEscapedChar(LAST_PRINTABLE);
    json.setPrettyPrinter(new MinimalPrettyPrinter("\n"));
    json.writeStartObject();
    json.writeStringField("format", FORMAT);
    json.writeStringField("topic_prefix", source.topicPrefix());
    Coverage known = source.coverage();
    if (known.from() != Long.MIN_VALUE) {
      json.writeNumberField("from", Math.max(0, known.from())); // no record is older
    }
    json.writeNumberField("end", source.end().toEpochMilli());
    json.writeArrayFieldStart("cuts");
    List<Cut> cuts = new ArrayList<>();
    known.forEachCut((partition, since) -> cuts.add(new Cut(partition, since)));
    for (Cut cut : cuts) {
      json.writeStartObject();
      json.writeStringField("topic", cut.partition.topic().named(source.topicPrefix()));
      json.writeNumberField("partition", cut.partition.partition());
      json.writeNumberField("since", cut.since);
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeEndObject();
  }

  public void write(LogRecord record) throws IOException {
    json.writeStartObject();
    json.writeStringField("topic", record.raw().topic());
    json.writeNumberField("partition", record.raw().partition());
    json.writeNumberField("offset", record.raw().offset());
    json.writeNumberField("timestamp", record.time());
    bytes("key", record.raw().key());
    bytes("value", record.raw().value());
    json.writeArrayFieldStart("headers");
    for (Header header : record.raw().headers()) {
      json.writeStartObject();
      json.writeStringField("name", header.key());
      bytes("value", header.value());
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeEndObject();
  }

  /** Writes the last line, without which readers take the export for cut. */
  public void complete() throws IOException {
    json.writeStartObject();
    // Readers that do not know this line skip one that names the format.
    json.writeStringField("format", FORMAT);
    json.writeBooleanField("complete", true);
    json.writeEndObject();
  }

  private void bytes(String name, byte @Nullable [] bytes) throws IOException {
    if (bytes == null) {
      json.writeNullField(name);
      return;
    }
    try {
      json.writeStringField(name, utf8.decode(ByteBuffer.wrap(bytes)).toString());
    } catch (CharacterCodingException _) {
      json.writeBinaryField(name + "_base64", bytes);
    }
  }

  /** Ends the last line. */
  @Override
  public void close() throws IOException {
    json.writeRaw('\n');
    json.close();
  }
}
