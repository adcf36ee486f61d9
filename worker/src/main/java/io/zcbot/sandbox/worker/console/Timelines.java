/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import com.fasterxml.jackson.core.JsonGenerator;
import io.zcbot.sandbox.events.UserId;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What happened to each user lately, within a bound in bytes. Guarded by its fleet. */
final class Timelines {
  static final int MOST_OF_A_USER = 200;
  private static final long MOST_BYTES = 12L << 20;

  /** Of an entry and of a user in memory, besides their texts. */
  private static final int OVERHEAD = 96;

  private final LinkedHashMap<UserId, Timeline> users = new LinkedHashMap<>(16, 0.75f, true);
  private final long mostBytes;
  private long bytes;

  /** What happened once, or the same thing several times in a row. */
  private static final class Entry {
    final String kind;
    final String text;
    long from;
    long to;
    int count = 1;

    Entry(long time, String kind, String text) {
      this.from = time;
      this.to = time;
      this.kind = kind;
      this.text = text;
    }

    int bytes() {
      return OVERHEAD + 2 * text.length();
    }

    boolean takes(long time, String kind, String text) {
      if (!this.kind.equals(kind) || !this.text.equals(text)) {
        return false;
      }
      from = Math.min(from, time);
      to = Math.max(to, time);
      count++;
      return true;
    }
  }

  private static final class Timeline {
    final List<Entry> entries = new ArrayList<>(4);
    @Nullable ReadyFacts ready;
    long readyAt;
    long lastUse;
    String use = "";
  }

  Timelines() {
    this(MOST_BYTES);
  }

  Timelines(long mostBytes) {
    this.mostBytes = mostBytes;
  }

  /** Notes what happened; records are read out of order now and then. */
  void add(UserId user, long time, String kind, String text) {
    List<Entry> entries = timeline(user).entries;
    int at = entries.size();
    while (at > 0 && entries.get(at - 1).from > time) {
      at--;
    }
    if (at > 0 && entries.get(at - 1).takes(time, kind, text)) {
      return;
    }
    Entry entry = new Entry(time, kind, text);
    entries.add(at, entry);
    bytes += entry.bytes();
    if (entries.size() > MOST_OF_A_USER) {
      bytes -= entries.removeFirst().bytes();
    }
    while (bytes > mostBytes && users.size() > 1) {
      bytes -= OVERHEAD;
      for (Entry each : users.pollFirstEntry().getValue().entries) {
        bytes -= each.bytes();
      }
    }
  }

  /** What the live table says of a sandbox may be read after its ready. */
  void ready(UserId user, ReadyFacts ready, long time) {
    Timeline timeline = timeline(user);
    if (time >= timeline.readyAt) {
      timeline.ready = ready;
      timeline.readyAt = time;
    }
  }

  void used(UserId user, long time, String use) {
    Timeline timeline = timeline(user);
    if (time > timeline.lastUse) {
      timeline.lastUse = time;
      timeline.use = use;
    }
  }

  /** Tells a row what was read of its user before. */
  void tell(SandboxRow row) {
    Timeline timeline = users.get(row.user);
    if (timeline == null) {
      return;
    }
    if (timeline.ready != null && timeline.ready.container().equals(row.container)) {
      row.ready(timeline.ready, timeline.readyAt);
      timeline.ready = null;
    }
    row.used(timeline.lastUse, timeline.use);
  }

  int users() {
    return users.size();
  }

  private Timeline timeline(UserId user) {
    Timeline known = users.get(user);
    if (known == null) {
      known = new Timeline();
      users.put(user, known);
      bytes += OVERHEAD;
    }
    return known;
  }

  void write(UserId user, JsonGenerator json) throws IOException {
    json.writeStartObject();
    json.writeStringField("user", user.toString());
    json.writeArrayFieldStart("entries");
    Timeline timeline = users.get(user);
    if (timeline != null) {
      for (Entry entry : timeline.entries) {
        json.writeStartArray();
        json.writeNumber(entry.from);
        json.writeNumber(entry.to);
        json.writeString(entry.kind);
        json.writeString(entry.text);
        json.writeNumber(entry.count);
        json.writeEndArray();
      }
    }
    json.writeEndArray();
    json.writeEndObject();
  }
}
