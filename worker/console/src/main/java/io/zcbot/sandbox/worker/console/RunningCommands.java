/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import com.fasterxml.jackson.core.JsonGenerator;
import io.zcbot.sandbox.events.CommandEntry;
import java.io.IOException;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The commands in the command table that are not answered. Guarded by the lock of {@link Fleet}.
 */
final class RunningCommands {
  static final int MOST = 20_000;
  static final int SHOWN = 200;

  static final class Command {
    final String user;
    final String execId;
    final String container;
    final String host;
    final long startedAt;
    String line;

    Command(CommandEntry entry, String line, SharedNames names) {
      user = entry.userId().toString();
      execId = ShownText.name(entry.execId());
      container = ShownText.name(entry.container().id());
      host = names.of(entry.container().host());
      startedAt = entry.startedAt().toEpochMilli();
      this.line = line;
    }
  }

  private final Map<IdKey, Command> running = new HashMap<>();
  private final SharedNames names;
  private long version;

  /** Starts without commands, in a version that is new to every page. */
  RunningCommands(SharedNames names, long versionBefore) {
    this.names = names;
    version = versionBefore + 1;
  }

  /** Adds a command; returns it if it is new, else null. */
  @Nullable Command started(String key, CommandEntry entry, String line) {
    IdKey id = IdKey.of(key);
    if (running.containsKey(id) || running.size() >= MOST) {
      return null;
    }
    Command command = new Command(entry, line, names);
    running.put(id, command);
    version++;
    return command;
  }

  /** Removes a command; returns it if it was running, else null. */
  @Nullable Command ended(String key) {
    Command command = running.remove(IdKey.of(key));
    if (command != null) {
      version++;
    }
    return command;
  }

  /** Sets the command line of a command whose exec was read after its start. */
  void line(String key, String line) {
    Command command = running.get(IdKey.of(key));
    if (command != null && command.line.isEmpty()) {
      command.line = line;
      version++;
    }
  }

  int size() {
    return running.size();
  }

  int in(String container) {
    int count = 0;
    for (Command command : running.values()) {
      if (command.container.equals(container)) {
        count++;
      }
    }
    return count;
  }

  Map<String, Integer> byHost() {
    Map<String, Integer> counts = new HashMap<>();
    running.values().forEach(command -> counts.merge(command.host, 1, Integer::sum));
    return counts;
  }

  long version() {
    return version;
  }

  /** Writes the commands that have been running for longest. */
  void write(JsonGenerator json) throws IOException {
    List<Command> longest =
        running.values().stream()
            .sorted(Comparator.comparingLong(command -> command.startedAt))
            .limit(SHOWN)
            .toList();
    json.writeStartArray();
    for (Command command : longest) {
      json.writeStartArray();
      json.writeNumber(command.startedAt);
      json.writeString(command.user);
      json.writeString(command.host);
      json.writeString(command.line);
      json.writeString(command.execId);
      json.writeEndArray();
    }
    json.writeEndArray();
  }
}
