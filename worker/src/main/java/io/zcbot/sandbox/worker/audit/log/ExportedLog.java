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
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.PriorityQueue;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.jspecify.annotations.Nullable;

/**
 * Files that {@link Export} wrote, or anything of that form. Each is taken in its own order,
 * several are merged by record time.
 */
public final class ExportedLog implements LogSource {
  private static final JsonFactory JSON = new JsonFactory();

  /** Latest record time that a date can be made of, and no sum overflows with. */
  private static final long MAX_TIME = Instant.parse("9999-12-31T23:59:59Z").toEpochMilli();

  private record Cut(Topic topic, int partition, long since) {}

  private final List<File> files = new ArrayList<>();
  private final List<Cut> cuts = new ArrayList<>();
  private final PriorityQueue<File> ready =
      new PriorityQueue<>(Comparator.comparingLong(File::headTime).thenComparingInt(f -> f.number));
  private final String topicPrefix;
  private final Selection selection;
  private final Selection.Test test;
  private final long totalBytes;
  private final Coverage coverage;
  private long exportFrom = Long.MIN_VALUE;
  private @Nullable Long exportEnd;
  private long latest = Long.MIN_VALUE;

  /**
   * Opens the files.
   *
   * @param topicPrefix of files that don't tell themselves
   * @throws IOException if one can't be read; the message names the file, and the line if need be
   */
  public ExportedLog(List<Path> paths, String topicPrefix, Selection selection) throws IOException {
    this.topicPrefix = topicPrefix;
    this.selection = selection;
    this.test = selection.test();
    long bytes = 0;
    try {
      for (Path path : paths) {
        File file = new File(path, files.size(), topicPrefix);
        files.add(file);
        bytes += Files.size(path);
        if (file.advance()) {
          ready.add(file);
        }
      }
    } catch (IOException e) {
      close();
      throw e;
    }
    this.totalBytes = bytes;
    this.coverage = new Coverage(selection.from(), exportFrom);
    cuts.forEach(c -> coverage.cut(c.topic, c.partition, c.since));
  }

  @Override
  public @Nullable LogRecord next() throws IOException {
    File first = ready.poll();
    if (first == null) {
      return null;
    }
    LogRecord record = first.head();
    latest = Math.max(latest, record.time());
    if (first.advance()) {
      ready.add(first);
    }
    return record;
  }

  /** As the export says, or the time of the latest record read. */
  @Override
  public Instant end() {
    long known = exportEnd != null ? exportEnd : Math.max(0, latest);
    return selection.end(Instant.ofEpochMilli(known));
  }

  @Override
  public Coverage coverage() {
    return coverage;
  }

  /** As the first file says. */
  @Override
  public String topicPrefix() {
    return files.isEmpty() ? topicPrefix : files.getFirst().topicPrefix;
  }

  @Override
  public double progress() {
    long read = 0;
    for (File file : files) {
      read += file.bytesRead();
    }
    return totalBytes == 0 ? 1 : Math.clamp((double) read / totalBytes, 0, 1);
  }

  @Override
  public void close() throws IOException {
    for (File file : files) {
      file.json.close();
    }
  }

  private final class File {
    final int number;
    private final Path path;
    private final JsonParser json;
    private String topicPrefix;
    private @Nullable LogRecord head;

    File(Path path, int number, String topicPrefix) throws IOException {
      this.path = path;
      this.number = number;
      this.topicPrefix = topicPrefix;
      try {
        this.json = JSON.createParser(Files.newInputStream(path));
      } catch (NoSuchFileException e) {
        throw new IOException("there is no file " + path, e);
      } catch (IOException e) {
        throw new IOException(path + " can't be read: " + e.getMessage(), e);
      }
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
        } while (head == null || !test.includes(head.raw()));
        return true;
      } catch (JacksonException e) {
        throw bad(e.getOriginalMessage());
      }
    }

    /** A record; null for the line that tells of the export. */
    private @Nullable LogRecord line() throws IOException {
      String topicName = null;
      String format = null;
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
          case "topic_prefix" -> topicPrefix = text();
          case "from" -> exportFrom = Math.max(exportFrom, time());
          case "end" -> exportEnd = Math.max(exportEnd == null ? 0 : exportEnd, time());
          case "cuts" -> cuts();
          default -> json.skipChildren();
        }
      }
      if (format != null) {
        if (!format.equals(Export.FORMAT)) {
          throw bad("its format is " + format + ", not " + Export.FORMAT);
        }
        return null;
      }
      if (topicName == null || partition == null || offset == null || timestamp == null) {
        throw bad("expected topic, partition, offset and timestamp");
      }
      Topic topic = LogRecord.topic(topicName, topicPrefix);
      if (topic == null) {
        throw bad("the topic is none of " + topicPrefix + "*");
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

    private long time() throws IOException {
      long time = json.getLongValue();
      if (time < -1 || time > MAX_TIME) {
        throw bad("expected milliseconds since 1970");
      }
      return time;
    }

    private void cuts() throws IOException {
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
              + ", is no record of an export: "
              + problem);
    }
  }
}
