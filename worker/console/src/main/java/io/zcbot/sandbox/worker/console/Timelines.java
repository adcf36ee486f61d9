/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import com.fasterxml.jackson.core.JsonGenerator;
import io.zcbot.sandbox.events.UserId;
import java.io.IOException;
import java.util.LinkedHashMap;
import org.jspecify.annotations.Nullable;

/** What happened to each user recently, bounded in bytes. Guarded by the lock of {@link Fleet}. */
final class Timelines {
  private static final long MOST_BYTES = 4L << 20;

  /** The memory of a user besides the story, in bytes. */
  private static final int OVERHEAD = 160;

  private final LinkedHashMap<UserId, UserEntry> users = new LinkedHashMap<>(16, 0.75f, true);
  private final long mostBytes;
  private long bytes;

  private static final class UserEntry {
    final Timeline timeline = new Timeline();
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

  /**
   * Notes what happened; records are sometimes read out of order.
   *
   * @param command the command that it is about, as in a {@link Timeline}
   */
  void add(UserId user, long time, String kind, String text, int command) {
    Timeline timeline = timeline(user).timeline;
    bytes -= timeline.bytes();
    timeline.add(time, kind, text, command);
    bytes += timeline.bytes();
    while (bytes > mostBytes && users.size() > 1) {
      bytes -= OVERHEAD + users.pollFirstEntry().getValue().timeline.bytes();
    }
  }

  /** Keeps the facts of a ready event until the sandbox's entry of the live table is read. */
  void ready(UserId user, ReadyFacts ready, long time) {
    UserEntry timeline = timeline(user);
    if (time >= timeline.readyAt) {
      timeline.ready = ready;
      timeline.readyAt = time;
    }
  }

  void used(UserId user, long time, String use) {
    UserEntry timeline = timeline(user);
    if (time > timeline.lastUse) {
      timeline.lastUse = time;
      timeline.use = use;
    }
  }

  /** Gives a row what was read about its user before. */
  void tell(SandboxRow row) {
    UserEntry timeline = users.get(row.user);
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

  private UserEntry timeline(UserId user) {
    UserEntry known = users.get(user);
    if (known == null) {
      known = new UserEntry();
      users.put(user, known);
      bytes += OVERHEAD;
    }
    return known;
  }

  void write(UserId user, JsonGenerator json) throws IOException {
    json.writeStartObject();
    json.writeStringField("user", user.toString());
    json.writeArrayFieldStart("entries");
    UserEntry timeline = users.get(user);
    if (timeline != null) {
      timeline.timeline.write(json);
    }
    json.writeEndArray();
    json.writeEndObject();
  }
}
