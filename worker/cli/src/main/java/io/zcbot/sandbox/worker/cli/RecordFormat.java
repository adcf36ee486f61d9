/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.audit.result.ProgramText;
import io.zcbot.sandbox.worker.trace.Trace;
import java.io.IOException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Base64;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * Formats records of all topics, valid or not, as lines or as JSON, without data that commands read
 * or write.
 */
final class RecordFormat {
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'").withZone(ZoneOffset.UTC);
  private static final JsonMapper JSON = new JsonMapper();
  private static final int MAX_KEY = 36;

  /**
   * Bound of a problem's text; that of a dead letter is a header and may be as long as a record.
   */
  private static final int MAX_PROBLEM = 400;

  private final String topicPrefix;
  private final boolean hasColour;
  private final EventCodec codec = new EventCodec();

  RecordFormat(String topicPrefix, boolean hasColour) {
    this.topicPrefix = topicPrefix;
    this.hasColour = hasColour;
  }

  /** Formats a time for a line, in milliseconds and UTC. */
  static String time(Instant instant) {
    return TIME.format(instant);
  }

  String line(ConsumerRecord<byte[], byte[]> record) {
    return line(
        record,
        String.format("%-36s", ProgramText.cut(EventText.plain(Records.key(record)), MAX_KEY))
            + "  ");
  }

  /** Formats a record as a line without its key, for lists in which all keys are equal. */
  String withoutKey(ConsumerRecord<byte[], byte[]> record) {
    return line(record, "");
  }

  private String line(ConsumerRecord<byte[], byte[]> record, String key) {
    Records.Read read = Records.event(record, topicPrefix);
    String kind = String.format("%-11s", read.topic().named(""));
    SandboxEvent event = read.event();
    return time(Instant.ofEpochMilli(record.timestamp()))
        + "  "
        + coloured(read.topic(), kind)
        + "  "
        + key
        + (event != null ? EventText.of(event) : EventText.plain(problem(record, read)));
  }

  private static String problem(ConsumerRecord<byte[], byte[]> record, Records.Read read) {
    String bytes = (record.value() == null ? "no value" : record.value().length + " bytes");
    String problem = ProgramText.cut(String.valueOf(read.problem()), MAX_PROBLEM);
    if (read.topic() != Topic.DEAD_LETTER) {
      return problem + " (" + bytes + ")";
    }
    return problem + " (from " + ProgramText.cut(origin(record), MAX_PROBLEM) + ", " + bytes + ")";
  }

  private static String origin(ConsumerRecord<byte[], byte[]> record) {
    return Records.header(record, "zcbot_topic")
        + "-"
        + Records.header(record, "zcbot_partition")
        + "-"
        + Records.header(record, "zcbot_offset");
  }

  String json(ConsumerRecord<byte[], byte[]> record) {
    return JsonText.plain(node(record).toString());
  }

  ObjectNode node(ConsumerRecord<byte[], byte[]> record) {
    Records.Read read = Records.event(record, topicPrefix);
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("topic", record.topic());
    json.put("partition", record.partition());
    json.put("offset", record.offset());
    json.put("timestamp", Instant.ofEpochMilli(record.timestamp()).toString());
    json.put("key", Records.key(record));
    String trace = Trace.idOf(record.headers());
    if (trace != null) {
      json.put("trace_id", trace);
    }
    try {
      if (read.event() != null) {
        json.set("event", CommandData.hidden(JSON.readTree(codec.encode(read.event()))));
      } else {
        json.put("problem", read.problem());
        boolean isDeadLetter = read.topic() == Topic.DEAD_LETTER;
        if (isDeadLetter) {
          json.put("origin", origin(record));
        }
        if (record.value() != null && (isDeadLetter || read.topic().holdsCommandData())) {
          json.put("value_bytes", record.value().length);
        } else if (record.value() != null) {
          json.put("value_base64", Base64.getEncoder().encodeToString(record.value()));
        }
      }
    } catch (IOException e) {
      throw new IllegalStateException("an event could not be read as JSON", e);
    }
    return json;
  }

  private String coloured(Topic topic, String text) {
    if (!hasColour) {
      return text;
    }
    String code =
        switch (topic) {
          case ENSURE, EXEC, RELEASE -> "36";
          case ACTIVITY, INPUT, STARTED, OUTPUT -> "2";
          case READY, EXITED -> "32";
          case REAPED, EXPIRING -> "33";
          case FAILED -> "31";
          case DEAD_LETTER -> "35";
          case LIVE, COMMANDS, CURRENT -> "0";
        };
    return "\u001b[" + code + "m" + text + "\u001b[0m";
  }
}
