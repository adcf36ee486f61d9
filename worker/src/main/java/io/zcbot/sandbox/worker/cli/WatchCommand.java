/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.List;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;

/** Follows all topics, one line per record. */
final class WatchCommand {
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'").withZone(ZoneOffset.UTC);
  private static final Duration POLL = Duration.ofMillis(500);
  private static final JsonMapper JSON = new JsonMapper();

  private final Console console;
  private final KafkaLog log;
  private final EventCodec codec = new EventCodec();

  WatchCommand(Console console, KafkaLog log) {
    this.console = console;
    this.log = log;
  }

  int run(boolean fromBeginning, @Nullable UserId user, @Nullable Integer count, boolean json)
      throws CommandException {
    try (Consumer<byte[], byte[]> records =
        fromBeginning ? log.fromBeginning(Topic.history()) : log.fromEnd(Topic.history())) {
      if (!json) {
        console.err().println("watching " + log.config().bootstrapServers() + ", Ctrl-C ends");
      }
      int lines = 0;
      while (true) {
        List<ConsumerRecord<byte[], byte[]>> batch = new ArrayList<>();
        records.poll(POLL).forEach(batch::add);
        // Topics are fetched side by side; within a batch time puts them in order.
        batch.sort(Comparator.comparingLong(ConsumerRecord::timestamp));
        for (ConsumerRecord<byte[], byte[]> record : batch) {
          if (user != null && !Records.key(record).equals(user.toString())) {
            continue;
          }
          console.out().println(json ? json(record) : line(record));
          lines++;
          if (count != null && lines >= count) {
            return ExitCode.OK;
          }
        }
        if (console.out().checkError()) {
          return ExitCode.OK; // nobody reads any more, as with «watch | head»
        }
      }
    } catch (KafkaException e) {
      throw log.failed("follow the topics", e);
    }
  }

  String line(ConsumerRecord<byte[], byte[]> record) {
    Records.Read read = Records.event(record, log.config().topicPrefix());
    String kind = String.format("%-11s", read.topic().named(""));
    String user = String.format("%-36s", clip(EventText.plain(Records.key(record))));
    SandboxEvent event = read.event();
    return TIME.format(Instant.ofEpochMilli(record.timestamp()))
        + "  "
        + coloured(read.topic(), kind)
        + "  "
        + user
        + "  "
        + (event != null ? EventText.of(event) : EventText.plain(problem(record, read)));
  }

  private static String problem(ConsumerRecord<byte[], byte[]> record, Records.Read read) {
    String bytes = (record.value() == null ? "no value" : record.value().length + " bytes");
    if (read.topic() != Topic.DEAD_LETTER) {
      return read.problem() + " (" + bytes + ")";
    }
    return read.problem() + " (from " + origin(record) + ", " + bytes + ")";
  }

  private static String origin(ConsumerRecord<byte[], byte[]> record) {
    return Records.header(record, "zcbot_topic")
        + "-"
        + Records.header(record, "zcbot_partition")
        + "-"
        + Records.header(record, "zcbot_offset");
  }

  String json(ConsumerRecord<byte[], byte[]> record) {
    Records.Read read = Records.event(record, log.config().topicPrefix());
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("topic", record.topic());
    json.put("partition", record.partition());
    json.put("offset", record.offset());
    json.put("timestamp", Instant.ofEpochMilli(record.timestamp()).toString());
    json.put("key", Records.key(record));
    try {
      if (read.event() != null) {
        json.set("event", JSON.readTree(codec.encode(read.event())));
      } else {
        json.put("problem", read.problem());
        if (read.topic() == Topic.DEAD_LETTER) {
          json.put("origin", origin(record));
        }
        if (record.value() != null) {
          json.put("value_base64", Base64.getEncoder().encodeToString(record.value()));
        }
      }
      return JSON.writeValueAsString(json);
    } catch (JacksonException e) {
      throw new IllegalStateException("an event must be JSON", e);
    } catch (IOException e) {
      throw new IllegalStateException("an array can be read", e);
    }
  }

  private String coloured(Topic topic, String text) {
    if (!console.hasColour()) {
      return text;
    }
    String code =
        switch (topic) {
          case ENSURE -> "36";
          case ACTIVITY -> "2";
          case READY -> "32";
          case REAPED -> "33";
          case FAILED -> "31";
          case DEAD_LETTER -> "35";
          case LIVE -> "0";
        };
    return "\u001b[" + code + "m" + text + "\u001b[0m";
  }

  private static String clip(String key) {
    return key.length() <= 36 ? key : key.substring(0, 35) + "…";
  }
}
