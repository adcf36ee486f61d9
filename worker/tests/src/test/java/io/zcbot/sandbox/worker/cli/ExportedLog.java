/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.SandboxEvent;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A log in the format of {@code sandbox export}, of events that a test makes up. */
final class ExportedLog {
  private static final JsonMapper JSON = new JsonMapper();

  private final List<String> lines = new ArrayList<>();
  private final Map<String, Integer> offsets = new HashMap<>();

  void add(SandboxEvent event) {
    lines.add(line(event).toString());
  }

  /** Adds the copy of an event that the worker of another partition forwarded. */
  void addForwarded(SandboxEvent event) {
    ObjectNode json = line(event);
    ObjectNode header = json.putArray("headers").addObject();
    header.put("name", "zcbot_forwarded");
    header.put("value", "1-0@" + event.at().toEpochMilli());
    lines.add(json.toString());
  }

  private ObjectNode line(SandboxEvent event) {
    String topic = event.topic().named("sandbox.");
    ObjectNode json = JSON.createObjectNode();
    json.put("topic", topic);
    json.put("partition", 0);
    json.put("offset", offsets.merge(topic, 1, Integer::sum) - 1);
    json.put("timestamp", event.at().toEpochMilli());
    json.put("key", event.userId().toString());
    json.put("value", new String(new EventCodec().encode(event), StandardCharsets.UTF_8));
    return json;
  }

  /** Adds a line unchanged. */
  void add(String line) {
    lines.add(line);
  }

  /** Writes the log to a file; returns its name. */
  String in(Path directory) throws IOException {
    return Files.write(directory.resolve("log.jsonl"), lines).toString();
  }
}
