/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.log;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.zcbot.sandbox.events.Topic;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.jspecify.annotations.Nullable;

/** One exported file, read record by record in its own order. */
final class ExportFile implements AutoCloseable {
  private static final JsonFactory JSON = new JsonFactory();

  /** As the setting of a worker. */
  private static final Pattern PREFIX = Pattern.compile("[A-Za-z0-9._-]{0,200}");

  /** A partition that lacks records before a time. */
  record Cut(Topic topic, int partition, long since) {}

  final int number;
  private final Path path;
  private final JsonParser json;
  private final Selection.Test wanted;
  private final List<Cut> cuts = new ArrayList<>();
  private String topicPrefix;
  private long from = Long.MIN_VALUE;
  private @Nullable Long end;
  private @Nullable LogRecord head;

  // Files may be several exports, one after the other.
  private int begun;
  private int completed;

  ExportFile(Path path, int number, String topicPrefix, Selection.Test wanted) throws IOException {
    this.path = path;
    this.number = number;
    this.topicPrefix = topicPrefix;
    this.wanted = wanted;
    try {
      this.json = JSON.createParser(Files.newInputStream(path));
    } catch (NoSuchFileException e) {
      throw new IOException("no such file: " + path, e);
    } catch (IOException e) {
      throw new IOException(path + " can't be read: " + e.getMessage(), e);
    }
  }

  String topicPrefix() {
    return topicPrefix;
  }

  /** From when on its records were selected; {@code Long.MIN_VALUE} if from the beginning. */
  long from() {
    return from;
  }

  /** Up to when it says that it reaches; null if it has not said so yet. */
  @Nullable Long end() {
    return end;
  }

  Path path() {
    return path;
  }

  /** Whether an export in it does not end with the line that says that it is complete. */
  boolean isCut() {
    return begun > completed;
  }

  List<Cut> cuts() {
    return cuts;
  }

  LogRecord head() {
    return Objects.requireNonNull(head);
  }

  long headTime() {
    return head().time();
  }

  long bytesRead() {
    return Math.max(0, json.currentLocation().getByteOffset());
  }

  /** Reads on to the next wanted record; false at the end. */
  boolean advance() throws IOException {
    try {
      do {
        JsonToken token = json.nextToken();
        if (token == null) {
          head = null;
          return false;
        }
        if (token != JsonToken.START_OBJECT) {
          throw bad("expected an object");
        }
        head = line();
      } while (head == null || !wanted.includes(head.raw()));
      return true;
    } catch (JacksonException e) {
      throw bad(e.getOriginalMessage());
    }
  }

  /** A record; null for a line that tells of the export. */
  private @Nullable LogRecord line() throws IOException {
    String topicName = null;
    String format = null;
    boolean isComplete = false;
    Integer partition = null;
    Long offset = null;
    Long timestamp = null;
    byte[] key = null;
    byte[] value = null;
    Headers headers = new RecordHeaders();
    while (json.nextToken() != JsonToken.END_OBJECT) {
      String name = json.currentName();
      json.nextToken();
      switch (name) {
        case "topic" -> topicName = text();
        case "partition" -> partition = json.getIntValue();
        case "offset" -> offset = json.getLongValue();
        case "timestamp" -> timestamp = time();
        case "key" -> key = utf8();
        case "key_base64" -> key = json.getBinaryValue();
        case "value" -> value = utf8();
        case "value_base64" -> value = json.getBinaryValue();
        case "headers" -> headers(headers);
        case "format" -> format = text();
        case "topic_prefix" -> topicPrefix = prefix();
        case "from" -> from = Math.max(from, time());
        case "end" -> end = Math.max(end == null ? 0 : end, time());
        case "cuts" -> readCuts();
        case "complete" -> isComplete = json.getBooleanValue();
        default -> json.skipChildren();
      }
    }
    if (format != null) {
      if (!format.equals(Export.FORMAT)) {
        throw bad("its format is " + format + ", not " + Export.FORMAT);
      }
      if (isComplete) {
        completed++;
      } else {
        begun++;
      }
      return null;
    }
    if (topicName == null || partition == null || offset == null || timestamp == null) {
      throw bad("expected topic, partition, offset and timestamp");
    }
    Topic topic = LogRecord.topic(topicName, topicPrefix);
    if (topic == null) {
      throw bad("the topic is not one of " + topicPrefix + "*");
    }
    return new LogRecord(
        topic,
        new ConsumerRecord<>(
            topicName,
            partition,
            offset,
            timestamp,
            TimestampType.NO_TIMESTAMP_TYPE,
            ConsumerRecord.NULL_SIZE,
            ConsumerRecord.NULL_SIZE,
            key,
            value,
            headers,
            Optional.empty()));
  }

  private String prefix() throws IOException {
    String prefix = text();
    if (!PREFIX.matcher(prefix).matches()) {
      throw bad("topic_prefix is not up to 200 letters, digits, dots, dashes, underscores");
    }
    return prefix;
  }

  private long time() throws IOException {
    long time = json.getLongValue();
    if (time < -1 || time > LogRecord.LATEST) {
      throw bad("expected milliseconds since 1970");
    }
    return time;
  }

  private void readCuts() throws IOException {
    while (json.nextToken() == JsonToken.START_OBJECT) {
      Topic topic = null;
      int partition = 0;
      long since = 0;
      while (json.nextToken() != JsonToken.END_OBJECT) {
        String name = json.currentName();
        json.nextToken();
        switch (name) {
          case "topic" -> topic = LogRecord.topic(text(), topicPrefix);
          case "partition" -> partition = json.getIntValue();
          case "since" -> since = time();
          default -> json.skipChildren();
        }
      }
      if (topic != null) {
        cuts.add(new Cut(topic, partition, since));
      }
    }
  }

  private void headers(Headers headers) throws IOException {
    if (json.currentToken() != JsonToken.START_ARRAY) {
      throw bad("expected an array of headers");
    }
    while (json.nextToken() == JsonToken.START_OBJECT) {
      String key = null;
      byte[] value = null;
      while (json.nextToken() != JsonToken.END_OBJECT) {
        String name = json.currentName();
        json.nextToken();
        switch (name) {
          case "name" -> key = text();
          case "value" -> value = utf8();
          case "value_base64" -> value = json.getBinaryValue();
          default -> json.skipChildren();
        }
      }
      if (key == null) {
        throw bad("a header has no name");
      }
      headers.add(key, value);
    }
  }

  private String text() throws IOException {
    String text = json.getValueAsString();
    if (text == null) {
      throw bad("expected a string");
    }
    return text;
  }

  private byte @Nullable [] utf8() throws IOException {
    return json.currentToken() == JsonToken.VALUE_NULL
        ? null
        : text().getBytes(StandardCharsets.UTF_8);
  }

  private IOException bad(String problem) {
    return new IOException(
        path
            + ", line "
            + json.currentTokenLocation().getLineNr()
            + ", is not a record of an export: "
            + problem);
  }

  @Override
  public void close() throws IOException {
    json.close();
  }
}
